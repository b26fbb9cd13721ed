import { existsSync } from 'node:fs';
import type { Family } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import type { FelixParameters } from './parameters.ts';

/** The address families of this host's kernel, which may have been started without IPv6 (`ipv6.disable=1`). */
export function kernelFamilies(exists: (path: string) => boolean = existsSync): readonly Family[] {
  return exists('/proc/sys/net/ipv6') ? [4, 6] : [4];
}

/** The parameters as far as they go with the kernel: IPv6 is on by default, and is said to be off where there is none. */
export function withFamilies(
  values: FelixParameters,
  families: readonly Family[],
  log: Pick<Logger, 'info'>,
): FelixParameters {
  if (families.includes(6) || !values.Ipv6Support) return values;
  log.info('this kernel has no IPv6: Felix does without');
  return { ...values, Ipv6Support: false };
}
