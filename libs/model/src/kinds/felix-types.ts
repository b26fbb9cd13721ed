import { net } from '../checks/nets.ts';
import { matches } from '../checks/names.ts';
import { duration, int, string, text, uint16 } from '../schema/scalars.ts';
import type { ValueCheck } from '../schema/schema.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';

/** One of `values`, in any case: Felix's own configuration has never minded it. */
export function anyCase(...values: readonly string[]): ValueCheck<string> {
  return matches(new RegExp(`^(?:${values.join('|')})$`, 'i'), `must be one of ${values.join(', ')}`);
}

/** A port that a daemon listens on; 0 where it should not. */
export const port16 = int(0, 65_535);

export const healthTimeoutOverride = struct('HealthTimeoutOverride', {
  name: always(string, { mandatory: true }),
  timeout: always(duration),
});

/** The old form of the tables that Felix may use. */
export const routeTableRange = struct(
  'RouteTableRange',
  { min: always(int(1, 250)), max: always(int(1, 250)) },
  orderedRange,
);

export const routeTableIdRange = struct(
  'RouteTableIDRange',
  { min: always(int(1, 0xffff_ffff)), max: always(int(1, 0xffff_ffff)) },
  orderedRange,
);

function orderedRange(
  { min, max }: { readonly min: number; readonly max: number },
  report: (path: readonly string[], value: unknown, message: string) => void,
): void {
  if (min > max) report(['max'], max, 'must not be less than min');
}

export const protoPort = struct('ProtoPort', {
  protocol: optional(text(anyCase('TCP', 'UDP', 'SCTP'))),
  port: always(uint16()),
  net: optional(text((value) => (value === '' ? undefined : net(value)))),
});

const conntrackTimeout = pointer(
  text(matches(/^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h)|Auto)$/, 'must be a duration, or "Auto"')),
);

export const conntrackTimeouts = struct('BPFConntrackTimeouts', {
  creationGracePeriod: conntrackTimeout,
  tcpSynSent: conntrackTimeout,
  tcpEstablished: conntrackTimeout,
  tcpFinsSeen: conntrackTimeout,
  tcpResetSeen: conntrackTimeout,
  udpTimeout: conntrackTimeout,
  genericTimeout: conntrackTimeout,
  icmpTimeout: conntrackTimeout,
});

export const logRate = matches(/^[1-9][0-9]*\/(?:second|minute|hour|day)$/, 'must be a rate such as "10/second"');

export const keyValueList = matches(
  /^\s*[\w.-]+\s*=[^,]*(?:,\s*[\w.-]+\s*=[^,]*)*,?\s*$/,
  'must be a list "name=value,name=value"',
);
