import { isAbsolute } from 'node:path';
import type { bgpV1 } from '@calico-node/rpc';
import type { MrtLogConfig } from './daemon-config.ts';
import { BgpConfigError } from './fields.ts';

const defaultMaxBytes = 64 << 20;
const defaultKeep = 4;
const maxKeep = 1000;

export function mrtLog(wire: bgpV1.MrtLog | undefined): MrtLogConfig | undefined {
  if (wire === undefined) return undefined;
  const { file, maxBytes, keep } = wire;
  if (!isAbsolute(file)) throw new BgpConfigError('mrt_log.file', 'must be an absolute path');
  if (keep > maxKeep) throw new BgpConfigError('mrt_log.keep', `must be at most ${maxKeep}`);
  return { file, maxBytes: maxBytes === 0 ? defaultMaxBytes : maxBytes, keep: keep === 0 ? defaultKeep : keep };
}
