import { net } from '../../checks/nets.ts';
import { matches, maxLength } from '../../checks/names.ts';
import { duration, int, string, text, uint16 } from '../../schema/scalars.ts';
import { noted, type ValueCheck } from '../../schema/schema.ts';
import { always, optional, pointer, struct, type Report } from '../../schema/struct.ts';

/** One of `values`, in any case: Felix's own configuration has never minded it. */
export function anyCase(...values: readonly string[]): ValueCheck<string> {
  return matches(new RegExp(`^(?:${values.join('|')})$`, 'i'), `must be one of ${values.join(', ')}`);
}

/** A port that a daemon listens on; 0 where it should not. */
export const port16 = int(0, 65_535);

export const healthTimeoutOverride = struct('HealthTimeoutOverride', {
  name: always(string, { mandatory: true, description: 'The part of Felix.' }),
  timeout: always(duration, 'How long it may be silent.'),
});

const orderedRange = noted(
  'min not greater than max',
  ({ min, max }: { readonly min: number; readonly max: number }, report: Report) => {
    if (min > max) report(['max'], max, 'must not be less than min');
  },
);

/** The old form of the tables that Felix may use. */
export const routeTableRange = struct(
  'RouteTableRange',
  { min: always(int(1, 250), 'The first.'), max: always(int(1, 250), 'The last.') },
  orderedRange,
);

export const routeTableIdRange = struct(
  'RouteTableIDRange',
  { min: always(int(1, 0xffff_ffff), 'The first.'), max: always(int(1, 0xffff_ffff), 'The last.') },
  orderedRange,
);

const netOrNone = noted(net.note, (value: string) => (value === '' ? undefined : net(value)));

export const protoPort = struct('ProtoPort', {
  protocol: optional(text(anyCase('TCP', 'UDP', 'SCTP')), { mandatory: true, description: 'The protocol.' }),
  port: always(uint16(), 'The port.'),
  net: optional(text(netOrNone), "The other end's network; any where there is none."),
});

const conntrackTimeout = text(
  matches(/^(?:(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|s|m|h))+|Auto)$/, 'must be a duration, or "Auto"'),
);

export const conntrackTimeouts = struct('BPFConntrackTimeouts', {
  creationGracePeriod: pointer(conntrackTimeout, 'New entries are kept at least so long.'),
  tcpSynSent: pointer(conntrackTimeout, 'TCP, until the connection is up.'),
  tcpEstablished: pointer(conntrackTimeout, 'TCP connections that are up.'),
  tcpFinsSeen: pointer(conntrackTimeout, 'TCP connections that both ends have closed.'),
  tcpResetSeen: pointer(conntrackTimeout, 'TCP connections that were reset.'),
  udpTimeout: pointer(conntrackTimeout, 'UDP.'),
  genericTimeout: pointer(conntrackTimeout, 'Other protocols.'),
  icmpTimeout: pointer(conntrackTimeout, 'ICMP.'),
});

export const logRate = matches(/^[1-9][0-9]*\/(?:second|minute|hour|day)$/, 'must be a rate such as "10/second"');

const KEY_VALUES = 'a list "name=value,name=value"';

export const keyValueList = noted(KEY_VALUES, (value: string) =>
  value.split(',').every((item) => item.trim() === '' || /^\s*[\w.-]+\s*=/.test(item))
    ? undefined
    : `must be ${KEY_VALUES}`,
);

export const prometheusHost = matches(/^[a-zA-Z0-9:._+-]{1,64}$/, 'must be a host name or address');

/** It becomes part of a store key, `region-<name>`, and of a Kubernetes label. */
export const region = [matches(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'must be an RFC 1123 label'), maxLength(63 - 17)];
