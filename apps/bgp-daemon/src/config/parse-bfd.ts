import type { bgpV1 } from '@calico-node/rpc';
import type { BfdSettings } from './daemon-config.ts';
import { BgpConfigError } from './fields.ts';

const defaultIntervalMs = 300;
const defaultMultiplier = 3;
/** Below this a busy event loop would look like a broken path. */
const minIntervalMs = 50;
const maxIntervalMs = 60_000;

function interval(value: number, path: string): number {
  if (value === 0) return defaultIntervalMs;
  if (value < minIntervalMs || value > maxIntervalMs)
    throw new BgpConfigError(path, `must be from ${minIntervalMs} to ${maxIntervalMs}`);
  return value;
}

export function bfdSettings(wire: bgpV1.Bfd | undefined, path: string): BfdSettings | undefined {
  if (wire === undefined) return undefined;
  const { multiplier, multihop, passive, graceful, ifConnected } = wire;
  if (multihop && ifConnected) throw new BgpConfigError(`${path}.if_connected`, 'is for one hop only');
  if (multiplier > 255) throw new BgpConfigError(`${path}.multiplier`, 'must be from 1 to 255');
  return {
    minRxMs: interval(wire.minRxMillis, `${path}.min_rx_millis`),
    minTxMs: interval(wire.minTxMillis, `${path}.min_tx_millis`),
    multiplier: multiplier === 0 ? defaultMultiplier : multiplier,
    multihop,
    passive,
    graceful,
    ifConnected,
  };
}
