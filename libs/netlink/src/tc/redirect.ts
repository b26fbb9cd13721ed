import { AttributeWriter, viewOf } from '../attribute-writer.ts';
import { readAttributes, type Attributes } from '../attributes.ts';
import { messageFlag, type NetlinkMessage, type NetlinkRequest } from '../message.ts';
import { POLICE, readPolicer, writePolicer, type Policer } from './police.ts';
import { decodeTcHeader, encodeTcHeader, tcAttribute, TC_HEADER_BYTES, tcMessage, tcParent } from './numbers.ts';

/** A filter of what an interface receives. */
export interface IngressFilter {
  readonly interfaceIndex: number;
  readonly handle: number;
  /** The lowest is asked first. */
  readonly priority: number;
  /** `u32`, `bpf` and so on. */
  readonly kind: string;
  /** The interface that packets are sent out of instead, when the filter is a `u32` that does so. */
  readonly redirectsTo: number | undefined;
  /** The pace beyond which packets are dropped, when the filter is a `u32` that does so. */
  readonly polices: Policer | undefined;
}

/** ETH_P_ALL as `tcm_info` has it. */
export const ALL_PROTOCOLS = 0x0300;
/** TCA_U32_* (include/uapi/linux/pkt_cls.h), TCA_ACT_*, TCA_MIRRED_* (tc_act/tc_mirred.h). */
const u32Attribute = { selector: 5, actions: 7 } as const;
const actionAttribute = { kind: 1, options: 2 } as const;
const MIRRED_PARAMETERS = 2;
/** `struct tc_mirred`. */
const MIRRED_BYTES = 28;
const mirredOffset = { action: 8, mirredAction: 20, interfaceIndex: 24 } as const;
const TC_ACT_STOLEN = 4;
const TCA_EGRESS_REDIR = 1;
const TCA_INGRESS_REDIR = 3;
/** `struct tc_u32_sel` with one key that looks at no bit: every packet. TC_U32_TERMINAL, then the number of keys. */
const EVERY_PACKET = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 || index === 2 ? 1 : 0));

/** Sends all that one interface receives out of another instead, such as an `ifb`, which gives it back. */
export function addRedirect(interfaceIndex: number, priority: number, target: number): NetlinkRequest {
  const info = (priority << 16) | ALL_PROTOCOLS;
  const writer = new AttributeWriter(
    encodeTcHeader({ interfaceIndex, handle: 0, parent: tcParent.ingressFilters, info }),
  );
  writeRedirect(writer, 'egress', target);
  return {
    type: tcMessage.newFilter,
    flags: messageFlag.create | messageFlag.exclusive,
    body: writer.finish(),
    label: `redirect what link ${interfaceIndex} receives to link ${target}`,
  };
}

/** The body of a filter that every packet meets: it is sent out by another interface, or comes in by it. */
export function writeRedirect(writer: AttributeWriter, to: 'egress' | 'ingress', target: number): void {
  const parameters = new Uint8Array(MIRRED_BYTES);
  const view = new DataView(parameters.buffer);
  view.setInt32(mirredOffset.action, TC_ACT_STOLEN, true);
  view.setInt32(mirredOffset.mirredAction, to === 'egress' ? TCA_EGRESS_REDIR : TCA_INGRESS_REDIR, true);
  view.setUint32(mirredOffset.interfaceIndex, target, true);
  writeEveryPacket(writer, 'mirred', (mirred) => {
    mirred.bytes(MIRRED_PARAMETERS, parameters);
  });
}

/**
 * Drops what one interface receives beyond a pace, of all protocols together.
 * @param node 1-4095: the lower bits of the filter's handle, by which it is known again.
 */
export function addPolicer(interfaceIndex: number, priority: number, node: number, policer: Policer): NetlinkRequest {
  const info = (priority << 16) | ALL_PROTOCOLS;
  const writer = new AttributeWriter(
    encodeTcHeader({ interfaceIndex, handle: node, parent: tcParent.ingressFilters, info }),
  );
  writeEveryPacket(writer, POLICE, (options) => {
    writePolicer(options, policer);
  });
  return {
    type: tcMessage.newFilter,
    flags: messageFlag.create | messageFlag.exclusive,
    body: writer.finish(),
    label: `police what link ${interfaceIndex} receives`,
  };
}

/** The body of a `u32` filter that gives every packet to an action. */
function writeEveryPacket(
  writer: AttributeWriter,
  kind: string,
  writeOptions: (options: AttributeWriter) => void,
): void {
  writer.string(tcAttribute.kind, 'u32').nested(tcAttribute.options, (options) => {
    options.bytes(u32Attribute.selector, EVERY_PACKET);
    options.nested(u32Attribute.actions, (actions) => {
      actions.nested(1, (action) => {
        action.string(actionAttribute.kind, kind).nested(actionAttribute.options, writeOptions);
      });
    });
  });
}

/** Deletes all filters of that priority. */
export function deleteIngressFilters(interfaceIndex: number, priority: number): NetlinkRequest {
  const info = (priority << 16) | ALL_PROTOCOLS;
  const body = encodeTcHeader({ interfaceIndex, handle: 0, parent: tcParent.ingressFilters, info });
  const label = `delete filters ${priority} of what link ${interfaceIndex} receives`;
  return { type: tcMessage.deleteFilter, flags: 0, body, label };
}

/** With NLM_F_DUMP, those of one interface, which has an `ingress` or `clsact` qdisc. */
export function listIngressFiltersRequest(interfaceIndex: number): NetlinkRequest {
  const body = encodeTcHeader({ interfaceIndex, handle: 0, parent: tcParent.ingressFilters, info: 0 });
  const label = `list filters of what link ${interfaceIndex} receives`;
  return { type: tcMessage.getFilter, flags: 0, body, label };
}

/** `undefined` for what is no filter, such as the hash tables that `u32` has besides. */
export function decodeIngressFilter({ type, body }: NetlinkMessage): IngressFilter | undefined {
  const header = type === tcMessage.newFilter ? decodeTcHeader(body) : undefined;
  if (header === undefined) return undefined;
  const attributes = readAttributes(body, TC_HEADER_BYTES);
  const kind = attributes.string(tcAttribute.kind) ?? '';
  const options = attributes.nested(tcAttribute.options);
  if (kind === 'u32' && options?.has(u32Attribute.selector) !== true) return undefined;
  return {
    interfaceIndex: header.interfaceIndex,
    handle: header.handle,
    priority: header.info >>> 16,
    kind,
    redirectsTo: kind === 'u32' ? targetOf(options) : undefined,
    polices: kind === 'u32' ? policerOf(options) : undefined,
  };
}

function targetOf(options: Attributes | undefined): number | undefined {
  for (const action of options?.list(u32Attribute.actions) ?? []) {
    const parameters = action.nested(actionAttribute.options)?.bytes(MIRRED_PARAMETERS);
    if (action.string(actionAttribute.kind) !== 'mirred' || parameters === undefined) continue;
    if (parameters.length < MIRRED_BYTES) continue;
    const view = viewOf(parameters);
    if (view.getInt32(mirredOffset.mirredAction, true) !== TCA_EGRESS_REDIR) continue;
    return view.getUint32(mirredOffset.interfaceIndex, true);
  }
  return undefined;
}

function policerOf(options: Attributes | undefined): Policer | undefined {
  for (const action of options?.list(u32Attribute.actions) ?? []) {
    const police = action.string(actionAttribute.kind) === POLICE ? action.nested(actionAttribute.options) : undefined;
    if (police !== undefined) return readPolicer(police);
  }
  return undefined;
}
