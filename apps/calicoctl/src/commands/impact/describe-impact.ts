import { PROTOCOL_NUMBERS } from '@calico-node/model';
import type { felixV1 } from '@calico-node/rpc';
import type { FlowImpact, Impact, ImpactGroup, VerdictChange } from '@calico-node/policy';

/** More than this nobody reads; counts are of all. */
const MAX_GROUPS = 50;
const MAX_NAMES = 5;
const MAX_CONNECTIONS = 50;

/** A connection of this node's kernel, and what becomes of its verdict. */
export interface ChangedConnection extends FlowImpact {
  readonly connection: felixV1.Connection;
}

/** The pairs whose verdicts would change, the most first. */
export function describeImpact({ groups, pairs, unexamined }: Impact): string {
  const shown = groups.slice(0, MAX_GROUPS);
  const hidden = groups.slice(MAX_GROUPS).reduce((sum, group) => sum + group.pairs, 0);
  const lines = [
    `Impact: ${pairs === 0 ? 'no pair of endpoints has another verdict' : summaryOf(groups)}`,
    ...shown.flatMap(describeGroup),
    ...(hidden === 0 ? [] : [`  and ${count(hidden, 'pair')} more`]),
    ...(unexamined === 0 ? [] : [`  ${count(unexamined, 'pair')} not looked at: too many sorts of endpoints`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The live connections among them. `leftOff` were not told of. */
export function describeConnections(
  node: string,
  { total, leftOff }: { readonly total: number; readonly leftOff: number },
  changed: readonly ChangedConnection[],
): string {
  const shown = changed.slice(0, MAX_CONNECTIONS);
  const hidden = changed.length - shown.length;
  const lines = [
    `Live connections on ${node}: ${changed.length === 0 ? 'none' : changed.length} of ${total} would have another verdict if begun anew`,
    ...shown.map((each) => `  ${describeConnection(each)}`),
    ...(hidden === 0 ? [] : [`  and ${hidden} more`]),
    ...(leftOff === 0 ? [] : [`  ${leftOff} not looked at: too many`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Pairs of endpoints that stay, of those that come, and of those that go. */
function summaryOf(groups: readonly ImpactGroup[]): string {
  const pairsOf = (isWanted: (change: VerdictChange | undefined) => boolean): number =>
    groups.reduce((sum, { pairs, changes }) => sum + (isWanted(changes[0]) ? pairs : 0), 0);
  const [come, go] = [
    pairsOf((change) => change?.before === 'absent'),
    pairsOf((change) => change?.after === 'absent'),
  ];
  const changed = pairsOf(() => true) - come - go;
  return [
    ...(changed === 0 ? [] : [`${count(changed, 'pair')} would have other verdicts`]),
    ...(come === 0 ? [] : [`${count(come, 'pair')} would be allowed with endpoints that come`]),
    ...(go === 0 ? [] : [`${count(go, 'pair')} would end with endpoints that go`]),
  ].join(', ');
}

function describeGroup({ from, to, where, pairs, changes }: ImpactGroup): string[] {
  const placed = where === undefined ? '' : `, on ${where}`;
  return [
    `  ${namesOf(from)} -> ${namesOf(to)}${placed} (${count(pairs, 'pair')})`,
    ...changes.map((change) => `    ${change.traffic}: ${describeChange(change)}`),
  ];
}

function describeConnection({ connection, from, to, ...change }: ChangedConnection): string {
  const { protocol, source, destination, sourcePort, destinationPort } = connection;
  const name =
    Object.entries(PROTOCOL_NUMBERS).find(([, number]) => number === protocol)?.[0] ?? `protocol ${protocol}`;
  const end = (ip: string, port: number, who: string): string =>
    `${ip}${port === 0 ? '' : ` port ${port}`}${who === ip ? '' : ` (${who})`}`;
  const ends = `${end(source, sourcePort, from)} -> ${end(destination, destinationPort, to)}`;
  return `${name} ${ends}: ${describeChange(change)}`;
}

function describeChange({ before, after, because }: Omit<VerdictChange, 'traffic'>): string {
  if (before === 'absent') return `new, ${after.toUpperCase()}  (${because})`;
  if (after === 'absent') return `${before.toUpperCase()} -> the endpoint is gone`;
  return `${before.toUpperCase()} -> ${after.toUpperCase()}  (${because})`;
}

function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length <= MAX_NAMES ? shown : `${shown} and ${names.length - MAX_NAMES} more`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
