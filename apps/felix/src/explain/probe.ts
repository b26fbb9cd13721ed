import { randomInt } from 'node:crypto';
import { NftablesSocket, NftablesTrace, type TraceStep } from '@calico-node/netlink/nftables';
import type { PolicyPacket } from '@calico-node/policy';
import type { DriverChoice } from '../dataplane/driver-choice.ts';
import { IptablesPrograms } from '../dataplane/iptables/iptables-programs.ts';
import { listenToLegacy } from './legacy-trace.ts';
import { decodeEnds, encodeProbe, type SeenEnds } from './probe-packet.ts';
import { openProbeSender, type ProbeEntry, type ProbeSenderOptions } from './probe-sender.ts';
import { PROBE_TABLE, probeTable } from './probe-table.ts';
import { fromLegacy, fromNftables, type TracedRule } from './traced-rule.ts';

export interface ProbeOptions extends ProbeSenderOptions {
  readonly filter: DriverChoice;
}

export interface ProbeOutcome {
  /** `lost`: neither let through nor dropped by a packet filter, such as for want of a route. */
  readonly verdict: 'allow' | 'deny' | 'lost';
  readonly rules: readonly TracedRule[];
  /** Why `rules` may not be all of them; else ''. */
  readonly gap: string;
  /** As the packet was when it was last seen: others than it was sent with, where the kernel translated them. */
  readonly seen: SeenEnds;
}

/** How long nothing more may be heard before the probe counts as gone, and how long all of it may take. */
const QUIET_MS = 200;
const LIMIT_MS = 3000;

/**
 * Puts a packet through the kernel's packet filters, and tells what they did to it. A table of our own has it traced, and
 * takes it away at the end, so that nobody gets it. One probe at a time.
 * @throws NetlinkError, NftablesError or SyscallError when the kernel lacks what it takes, or refuses it.
 */
export async function probe(packet: PolicyPacket, into: ProbeEntry, options: ProbeOptions): Promise<ProbeOutcome> {
  const where = options.netns === undefined ? {} : { netns: options.netns };
  const mark = { id: randomInt(1, 2 ** 16), cookie: randomInt(1, 2 ** 32) };
  const heard: { at: number; steps: TraceStep[]; prefixes: string[]; gap: string; seen: SeenEnds } = {
    at: performance.now(),
    steps: [],
    prefixes: [],
    gap: '',
    seen: packet,
  };
  let id: number | undefined;
  // The two traces may be heard in any order; nothing turns a translated packet back into what it was.
  const see = (ends: SeenEnds | undefined): void => {
    if (ends !== undefined && !isSame(ends, packet)) heard.seen = ends;
  };
  const lost = (): void => {
    heard.gap = 'the kernel had more to tell than fits';
  };
  using _trace = NftablesTrace.open({
    ...where,
    onStep: (step) => {
      if (step.table === PROBE_TABLE) id ??= step.id;
      if (step.id !== id) return;
      heard.at = performance.now();
      heard.steps.push(step);
      if (step.packet !== undefined) see(decodeEnds(packet, step.packet.network, step.packet.transport));
    },
    onOverrun: lost,
  });
  const isLegacy = options.filter.kind === 'iptables' && options.filter.variant === 'legacy';
  using log = isLegacy
    ? listenToLegacy(packet, mark, options.netns, (prefix, ends) => {
        heard.at = performance.now();
        heard.prefixes.push(prefix);
        // What the last chain of ours tells, where the packet gets there, is later.
        if (!heard.steps.some(isAtEnd)) see(ends);
      })
    : undefined;
  heard.gap = log?.gap ?? '';
  using filter = NftablesSocket.open(where);
  filter.commit(probeTable(packet, mark));
  await using sender = await openProbeSender(packet, into, options);
  sender.send(encodeProbe(packet, mark));

  await untilQuiet(heard);
  // Behind the end of the one trace the other may still be on its way.
  await turn();

  const outcome = await tracedRules(packet, heard, filter, options);
  const isThrough = heard.steps.some(isAtEnd);
  const isDropped = outcome.some(({ verdict }) => verdict === 'drop' || verdict === 'reject');
  const verdict = isThrough ? 'allow' : isDropped ? 'deny' : 'lost';
  return { verdict, rules: outcome, gap: heard.gap, seen: heard.seen };
}

/** The packet came where it is taken away. */
function isAtEnd({ table, chain }: TraceStep): boolean {
  return table === PROBE_TABLE && (chain === 'left' || chain === 'reached');
}

function isSame(a: SeenEnds, b: SeenEnds): boolean {
  return (
    a.source === b.source &&
    a.destination === b.destination &&
    a.sourcePort === b.sourcePort &&
    a.destinationPort === b.destinationPort
  );
}

interface Heard {
  /** When something was heard last. */
  readonly at: number;
  readonly steps: readonly TraceStep[];
  readonly prefixes: readonly string[];
}

/** Until nothing can come any more. A busy machine may take its time before the packet arrives at all. */
async function untilQuiet(heard: Heard): Promise<void> {
  const startedAt = performance.now();
  const count = (): number => heard.steps.length + heard.prefixes.length;
  while (!heard.steps.some(isEnd) && performance.now() - startedAt < LIMIT_MS) {
    const before = count();
    const isQuiet = before > 0 && performance.now() - heard.at > QUIET_MS;
    // What came while this process did not run is read in this turn.
    await turn();
    if (isQuiet && count() === before) return;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
}

/** Nothing comes behind it: the probe was dropped, by whomever. */
function isEnd({ verdict }: TraceStep): boolean {
  return verdict?.kind === 'drop';
}

async function tracedRules(
  packet: PolicyPacket,
  heard: { readonly steps: readonly TraceStep[]; readonly prefixes: readonly string[] },
  filter: NftablesSocket,
  { netns }: ProbeOptions,
): Promise<readonly TracedRule[]> {
  const where = netns === undefined ? {} : { netns };
  const others = heard.steps.filter(({ table }) => table !== PROBE_TABLE);
  const byNftables = fromNftables(others, ({ family: tableFamily, table }) =>
    filter.listRules({ family: tableFamily, name: table }),
  );
  if (heard.prefixes.length === 0) return byNftables;
  const saved = await new IptablesPrograms({ variant: 'legacy', ...where }).saveText(packet.family);
  // Which of the two came first nobody tells; policy is in the legacy one.
  return [...fromLegacy(heard.prefixes, saved), ...byNftables];
}
