/** What is sent out by one interface comes in by another, as if its other end had sent it. */
import { AttributeWriter } from '../attribute-writer.ts';
import { messageFlag, type NetlinkRequest } from '../message.ts';
import { encodeTcHeader, INGRESS_HANDLE, tcAttribute, tcMessage, tcParent } from '../tc/numbers.ts';
import { ALL_PROTOCOLS, writeRedirect } from '../tc/redirect.ts';

/** Filters of what an interface with `clsact` sends (TC_H_CLSACT and TC_H_MIN_EGRESS of pkt_sched.h). */
const EGRESS_FILTERS = 0xffff_fff3;
const flags = messageFlag.create | messageFlag.exclusive;

/** Gives an interface the hooks that filters are put on (qdisc `clsact`); it has none of that kind before. */
export function addTrafficHooks(interfaceIndex: number): NetlinkRequest {
  const header = encodeTcHeader({ interfaceIndex, handle: INGRESS_HANDLE, parent: tcParent.ingress, info: 0 });
  const body = new AttributeWriter(header).string(tcAttribute.kind, 'clsact').finish();
  return { type: tcMessage.newQdisc, flags, body, label: `add clsact to link ${interfaceIndex}` };
}

/** Whatever is sent out by an interface, which has the hooks, comes in by another. */
export function redirectToIngress(interfaceIndex: number, target: number): NetlinkRequest {
  const info = (1 << 16) | ALL_PROTOCOLS;
  const writer = new AttributeWriter(encodeTcHeader({ interfaceIndex, handle: 0, parent: EGRESS_FILTERS, info }));
  writeRedirect(writer, 'ingress', target);
  const label = `have what link ${interfaceIndex} sends come in by link ${target}`;
  return { type: tcMessage.newFilter, flags, body: writer.finish(), label };
}
