import type { PacketDecision } from '../decide-packet.ts';
import { describeDecider } from './decider.ts';

/** `absent`: one of the ends is a workload endpoint that is not there. */
export type ImpactVerdict = PacketDecision['verdict'] | 'absent';

/** Steps as `PacketDecision`'s. */
export interface SideDecision extends Pick<PacketDecision, 'steps'> {
  readonly verdict: ImpactVerdict;
}

/** Whether it is worth telling: who is not there gets nothing, which a refusal does not change. */
export function isNews(before: ImpactVerdict, after: ImpactVerdict): boolean {
  const isKept = (verdict: ImpactVerdict): boolean => verdict === 'allow';
  return before === 'absent' || after === 'absent' ? isKept(before) !== isKept(after) : before !== after;
}

/** What denies; what allows, where an end is absent from one of both worlds. */
export function becauseOf(before: SideDecision, after: SideDecision): string {
  const isTelling = after.verdict === 'deny' || before.verdict === 'absent';
  return describeDecider(isTelling ? after : before);
}
