import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { bgpV1 } from '@calico-node/rpc';
import { configFromJson, configToJson } from './config-json.ts';

/**
 * Reads a configuration; `undefined` when there is no such file.
 *
 * @throws BgpConfigError or SyntaxError for its content, the system's error otherwise.
 */
export function readConfigFile(path: string): bgpV1.BgpConfig | undefined {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return configFromJson(text);
}

/** Replaces the file at once, readable by its owner only: it holds passwords. */
export function writeConfigFile(path: string, config: bgpV1.BgpConfig): void {
  mkdirSync(dirname(path), { recursive: true });
  const staged = `${path}.new`;
  writeFileSync(staged, configToJson(config), { mode: 0o600 });
  chmodSync(staged, 0o600);
  renameSync(staged, path);
}
