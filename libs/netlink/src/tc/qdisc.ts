import { AttributeWriter, viewOf } from '../attribute-writer.ts';
import { readAttributes, type Attributes } from '../attributes.ts';
import { messageFlag, type NetlinkMessage, type NetlinkRequest } from '../message.ts';
import {
  decodeTcHeader,
  encodeTcHeader,
  INGRESS_HANDLE,
  tcAttribute,
  TC_HEADER_BYTES,
  tcMessage,
  tcParent,
} from './numbers.ts';
import { readTokenBucket, writeTokenBucket, type TokenBucket } from './token-bucket.ts';

/** A queueing discipline of an interface. */
export interface Qdisc {
  readonly interfaceIndex: number;
  /** `tbf`, `noqueue`, `fq_codel`, `ingress`, `clsact` and so on. */
  readonly kind: string;
  readonly handle: number;
  /** One of `tcParent`, or a class of another qdisc. */
  readonly parent: number;
  /** Of a `tbf`. */
  readonly tokenBucket: TokenBucket | undefined;
  readonly statistics: QdiscStatistics;
}

/** Since the qdisc was made. */
export interface QdiscStatistics {
  readonly bytes: bigint;
  readonly packets: number;
  readonly drops: number;
  /** How often a packet had to wait for tokens. */
  readonly overlimits: number;
}

/** TCA_STATS_*: of `struct gnet_stats_basic` and `struct gnet_stats_queue` (include/uapi/linux/gen_stats.h). */
const statistics = { basic: 1, queue: 3 } as const;

/**
 * Puts what the interface sends through a token bucket, in place of whatever its root qdisc was. A bucket with the same
 * handle is changed as it stands, and loses no packet.
 */
export function replaceTokenBucket(interfaceIndex: number, handle: number, bucket: TokenBucket): NetlinkRequest {
  const writer = new AttributeWriter(encodeTcHeader({ interfaceIndex, handle, parent: tcParent.root, info: 0 }));
  writer.string(tcAttribute.kind, 'tbf').nested(tcAttribute.options, (options) => {
    writeTokenBucket(options, bucket);
  });
  const flags = messageFlag.create | messageFlag.replace;
  return { type: tcMessage.newQdisc, flags, body: writer.finish(), label: `limit rate of link ${interfaceIndex}` };
}

/** Gives the interface the kernel's default again. ENOENT when the root qdisc is not the one with the handle. */
export function deleteRootQdisc(interfaceIndex: number, handle: number): NetlinkRequest {
  const body = encodeTcHeader({ interfaceIndex, handle, parent: tcParent.root, info: 0 });
  return { type: tcMessage.deleteQdisc, flags: 0, body, label: `unlimit rate of link ${interfaceIndex}` };
}

/** Makes a place for filters of what the interface receives. EEXIST when it has one, `clsact` included. */
export function addIngressQdisc(interfaceIndex: number): NetlinkRequest {
  const writer = new AttributeWriter(
    encodeTcHeader({ interfaceIndex, handle: INGRESS_HANDLE, parent: tcParent.ingress, info: 0 }),
  );
  const flags = messageFlag.create | messageFlag.exclusive;
  const body = writer.string(tcAttribute.kind, 'ingress').finish();
  return { type: tcMessage.newQdisc, flags, body, label: `add ingress to link ${interfaceIndex}` };
}

/** Takes it away with all of its filters. */
export function deleteIngressQdisc(interfaceIndex: number): NetlinkRequest {
  const body = encodeTcHeader({ interfaceIndex, handle: INGRESS_HANDLE, parent: tcParent.ingress, info: 0 });
  return { type: tcMessage.deleteQdisc, flags: 0, body, label: `delete ingress of link ${interfaceIndex}` };
}

/** With NLM_F_DUMP, those of all interfaces. */
export function listQdiscsRequest(): NetlinkRequest {
  const body = encodeTcHeader({ interfaceIndex: 0, handle: 0, parent: 0, info: 0 });
  return { type: tcMessage.getQdisc, flags: 0, body, label: 'list qdiscs' };
}

/** `undefined` for messages that are not about a qdisc. */
export function decodeQdisc({ type, body }: NetlinkMessage): Qdisc | undefined {
  if (type !== tcMessage.newQdisc && type !== tcMessage.deleteQdisc) return undefined;
  const header = decodeTcHeader(body);
  if (header === undefined) return undefined;
  const attributes = readAttributes(body, TC_HEADER_BYTES);
  const kind = attributes.string(tcAttribute.kind) ?? '';
  const options = kind === 'tbf' ? attributes.nested(tcAttribute.options) : undefined;
  return {
    interfaceIndex: header.interfaceIndex,
    kind,
    handle: header.handle,
    parent: header.parent,
    tokenBucket: options === undefined ? undefined : readTokenBucket(options),
    statistics: readStatistics(attributes.nested(tcAttribute.statistics)),
  };
}

function readStatistics(attributes: Attributes | undefined): QdiscStatistics {
  const basic = attributes?.bytes(statistics.basic);
  const queue = attributes?.bytes(statistics.queue);
  return {
    bytes: basic === undefined || basic.length < 12 ? 0n : viewOf(basic).getBigUint64(0, true),
    packets: basic === undefined || basic.length < 12 ? 0 : viewOf(basic).getUint32(8, true),
    drops: queue === undefined || queue.length < 20 ? 0 : viewOf(queue).getUint32(8, true),
    overlimits: queue === undefined || queue.length < 20 ? 0 : viewOf(queue).getUint32(16, true),
  };
}
