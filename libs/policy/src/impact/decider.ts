import type { PacketDecision } from '../decide-packet.ts';

/** What of a decision had the last word. */
export function describeDecider({ steps }: Pick<PacketDecision, 'steps'>): string {
  const last = steps.at(-1);
  if (last === undefined) return 'no policy is asked';
  const { reason, direction } = last;
  switch (reason.type) {
    case 'rule': {
      const { kind, namespace, name } = reason.hit.owner;
      return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}, ${direction}[${reason.hit.ruleIndex}]`;
    }
    case 'tier-default':
      return `end of tier ${reason.tier}, ${direction}`;
    case 'no-profile-matched':
      return `no profile allows it, ${direction}`;
    case 'missing-profile':
      return `profile ${reason.profile} does not exist, ${direction}`;
    default:
      return `${reason.type}, ${direction}`;
  }
}
