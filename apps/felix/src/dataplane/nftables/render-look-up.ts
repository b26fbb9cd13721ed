import { ipToBytes, lastIp, splitCidr, type Family } from '@calico-node/net';
import {
  concatKey,
  intervalElements,
  keyLayout,
  type Expression,
  type KeyFieldName,
  type SetElement,
  type SetType,
  type Verdict,
} from '@calico-node/netlink/nftables';
import type { Action, KeyField, KeyPart, Layer, LookUpEntry } from '../../rules/model.ts';
import { chainNameInKernel } from './kernel-names.ts';
import { loadAddress, loadPort, portBytes } from './render-match.ts';

/** Where concatenated keys begin: registers in words of 4 bytes. */
const FIRST_WORD = 8;

/**
 * A look-up as a verdict map of its rule's own, keyed by the concatenated fields. Each entry has its counter. With
 * networks or port ranges in it, all entries are intervals, which the kernel holds in another sort of set.
 */
export function renderLookUp(
  { fields, entries }: Extract<Action, { kind: 'look-up' }>,
  layer: Layer,
  family: Family,
): readonly Expression[] {
  const [first, ...rest] = fields.map((field) => typeOf(field, family));
  if (first === undefined || entries.length === 0) return [];
  const type: SetType = [first, ...rest];
  const interval = entries.some(({ parts }) => !parts.every(isExact));
  const loads: Expression[] = [];
  let word = FIRST_WORD;
  for (const [index, field] of fields.entries()) {
    loads.push(load(field, family, word));
    word += keyLayout([type[index] ?? first]).bytes > 4 ? 4 : 1;
  }
  const elements = entries.flatMap((entry) => encode(entry, type, interval, layer));
  return [...loads, { type: 'verdict-map', set: { type, interval, elements }, register: 1 }];
}

/** Intervals of a concatenation have both their keys in one element; those of a single field are two elements. */
function encode(
  { parts, verdict }: LookUpEntry,
  type: SetType,
  interval: boolean,
  layer: Layer,
): readonly SetElement[] {
  const first = concatKey(type, parts.map(firstOf));
  const last = concatKey(type, parts.map(lastOf));
  const kernelVerdict: Verdict =
    verdict.kind === 'drop' ? { kind: 'drop' } : { kind: 'goto', chain: chainNameInKernel(layer, verdict.chain) };
  const counted = { verdict: kernelVerdict, isCounted: true };
  if (!interval) return [{ key: first, ...counted }];
  if (type.length > 1) return [{ key: first, keyEnd: last, ...counted }];
  return intervalElements({ first, last }).map((end) => (end.intervalEnd === true ? end : { ...end, ...counted }));
}

function isExact(part: KeyPart): boolean {
  switch (part.kind) {
    case 'protocol':
      return true;
    case 'net':
      return splitCidr(part.cidr).ip === lastIp(part.cidr);
    case 'ports':
      return part.first === part.last;
  }
}

function firstOf(part: KeyPart): Uint8Array {
  switch (part.kind) {
    case 'protocol':
      return Uint8Array.of(part.protocol);
    case 'net':
      return ipToBytes(splitCidr(part.cidr).ip);
    case 'ports':
      return portBytes(part.first);
  }
}

function lastOf(part: KeyPart): Uint8Array {
  switch (part.kind) {
    case 'protocol':
      return Uint8Array.of(part.protocol);
    case 'net':
      return ipToBytes(lastIp(part.cidr));
    case 'ports':
      return portBytes(part.last);
  }
}

function typeOf(field: KeyField, family: Family): KeyFieldName {
  switch (field) {
    case 'protocol':
      return 'inet_proto';
    case 'source':
    case 'destination':
      return family === 4 ? 'ipv4_addr' : 'ipv6_addr';
    case 'source-port':
    case 'destination-port':
      return 'inet_service';
  }
}

function load(field: KeyField, family: Family, register: number): Expression {
  switch (field) {
    case 'protocol':
      return { type: 'meta', key: 'l4proto', register };
    case 'source':
    case 'destination':
      return { ...loadAddress(field, family), register };
    case 'source-port':
      return loadPort('source', register);
    case 'destination-port':
      return loadPort('destination', register);
  }
}
