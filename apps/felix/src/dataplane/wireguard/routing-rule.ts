import type { Family } from '@calico-node/net';
import { addRule, deleteRule, type RouteSocket, type RoutingRule } from '@calico-node/netlink';

/** Leads every packet that the device itself has not sent into the device's table. */
export interface WireguardRule {
  readonly family: Family;
  readonly priority: number;
  readonly table: number;
  /** Of what the device sends. */
  readonly mark: number;
  readonly protocol: number;
}

/** Makes the one rule what it should be, and takes away others into the table. Gives how many changes that took. */
export function ensureRule(socket: RouteSocket, wanted: WireguardRule): number {
  const found = rulesInto(socket, wanted);
  const { family, priority, table, protocol, mark } = wanted;
  const rule = { family, priority, table, mark: { value: mark, mask: mark }, isInverted: true };
  const isThere = found.some((each) => isSame(each, rule));
  const requests = [
    ...(isThere ? [] : [addRule({ ...rule, protocol })]),
    ...found.filter((each) => !isSame(each, rule)).map(deleteRule),
  ];
  socket.apply(requests);
  return requests.length;
}

export function removeRules(socket: RouteSocket, of: Pick<WireguardRule, 'family' | 'table'>): number {
  const found = rulesInto(socket, of);
  socket.apply(found.map(deleteRule));
  return found.length;
}

/** Those of this form, which others do not make: all but the packets with a mark. */
function rulesInto(socket: RouteSocket, { family, table }: Pick<WireguardRule, 'family' | 'table'>): RoutingRule[] {
  return socket
    .listRules(family)
    .filter((rule) => rule.table === table && rule.isInverted === true && rule.mark !== undefined);
}

function isSame(a: RoutingRule, b: RoutingRule): boolean {
  return a.priority === b.priority && a.mark?.value === b.mark?.value && a.mark?.mask === b.mark?.mask;
}
