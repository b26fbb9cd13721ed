import { bgpV1 } from '@calico-node/rpc';
import type { Rendered } from './render.ts';

/** A rendering as golden text: fields at their protobuf default left out, one neighbour or route to a line. */
export function goldenText({ config, problems }: Rendered<bgpV1.BgpConfig>): string {
  const lines = Object.entries(config).flatMap(([name, value]) => field(name, value));
  const complaints = problems.map(({ subject, message }) => `! ${subject}: ${message}`);
  return [...lines, ...complaints, ''].join('\n');
}

const peerTypes = new Map<number, string>(Object.entries(bgpV1.PeerType).map(([name, number]) => [number, name]));

function field(name: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.map((item: unknown) => `${name}: ${short(item)}`);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([inner, item]) => field(`${name}.${inner}`, item));
  }
  return isDefault(value) ? [] : [`${name}: ${String(value)}`];
}

function short(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  const parts = Object.entries(item).flatMap(([name, value]: [string, unknown]) => {
    if (isDefault(value)) return [];
    if (name === 'type') return [`type=${peerTypes.get(Number(value)) ?? ''}`];
    if (value === true) return [name];
    if (Array.isArray(value)) return [`${name}=[${value.map(short).join('; ')}]`];
    return [`${name}=${typeof value === 'object' ? `{${short(value)}}` : short(value)}`];
  });
  return parts.join(' ');
}

function isDefault(value: unknown): boolean {
  return (
    value === undefined ||
    value === '' ||
    value === 0 ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  );
}
