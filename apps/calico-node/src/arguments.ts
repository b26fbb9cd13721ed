import { parseArgs } from 'node:util';

/** What one run of `calico-node` is asked to do. */
export type Mode =
  /** Start-up, then everything that the back end needs. */
  | { readonly kind: 'all'; readonly rest: readonly string[] }
  | { readonly kind: 'startup'; readonly rest: readonly string[] }
  /** One of the node's programs in the foreground. */
  | { readonly kind: 'program'; readonly program: string; readonly rest: readonly string[] }
  | { readonly kind: 'probe'; readonly probes: readonly Probe[]; readonly thresholdSeconds: number }
  | { readonly kind: 'show-status' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'version' }
  | { readonly kind: 'help' };

export const probeNames = [
  'felix-live',
  'felix-ready',
  'bird-live',
  'bird6-live',
  'bird-ready',
  'bird6-ready',
] as const;
export type Probe = (typeof probeNames)[number];

const programFlags = { felix: 'felix', confd: 'confd', bgp: 'bgp-daemon' } as const;
const ownFlags: readonly string[] = [
  ...probeNames,
  ...Object.keys(programFlags),
  'startup',
  'show-status',
  'shutdown',
  'threshold-time',
  'health-address',
  'log-level',
  'version',
  'help',
];

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Go's flags have one dash or two; `-felix-ready` is `--felix-ready`. */
function doubleDashes(argument: string): string {
  const name = /^-([a-z][a-z0-9-]*)(?:=.*)?$/.exec(argument)?.[1];
  return name !== undefined && ownFlags.includes(name) ? `-${argument}` : argument;
}

/** Go's durations, as far as seconds go: `30s`, `1m30s`, `500ms`. */
function parseSeconds(text: string): number {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.map((part) => part[0]).join('') !== text || text === '') {
    throw new UsageError(`--threshold-time: '${text}' is not a duration such as 30s`);
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0);
}

const flag = { type: 'boolean' } as const;

/** @throws UsageError for unknown or contradictory flags. */
export function parseMode(argv: readonly string[]): Mode {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv.map(doubleDashes),
      options: {
        startup: flag,
        felix: flag,
        confd: flag,
        bgp: flag,
        'felix-live': flag,
        'felix-ready': flag,
        'bird-live': flag,
        'bird6-live': flag,
        'bird-ready': flag,
        'bird6-ready': flag,
        'show-status': flag,
        shutdown: flag,
        'threshold-time': { type: 'string', default: '30s' },
        'health-address': { type: 'string' },
        'log-level': { type: 'string' },
        version: { type: 'boolean', short: 'v' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const rest = [
    ...(values['health-address'] === undefined ? [] : ['--health-address', values['health-address']]),
    ...(values['log-level'] === undefined ? [] : ['--log-level', values['log-level']]),
  ];
  const probes = probeNames.filter((name) => values[name] === true);
  const modes: Mode[] = [
    ...(values.help === true ? [{ kind: 'help' } as const] : []),
    ...(values.version === true ? [{ kind: 'version' } as const] : []),
    ...(values.startup === true ? [{ kind: 'startup', rest } as const] : []),
    ...(values['show-status'] === true ? [{ kind: 'show-status' } as const] : []),
    ...(values.shutdown === true ? [{ kind: 'shutdown' } as const] : []),
    ...(['felix', 'confd', 'bgp'] as const).flatMap((name) =>
      values[name] === true ? [{ kind: 'program', program: programFlags[name], rest } as const] : [],
    ),
    ...(probes.length === 0
      ? []
      : [{ kind: 'probe', probes, thresholdSeconds: parseSeconds(values['threshold-time']) } as const]),
  ];
  const [first, second] = modes;
  if (second !== undefined && first?.kind !== 'help') throw new UsageError('these flags cannot be given together');
  return first ?? { kind: 'all', rest };
}

export const usage = `calico-node: runs the processes of one node, after start-up has registered it.

Usage: calico-node [flag]           (one dash or two)

  (no flag)                start-up, then every process that the back end needs
  --startup                start-up only
  --felix, --confd, --bgp  one process, in the foreground
  --felix-ready, --felix-live, --bird-ready, --bird6-ready, --bird-live, --bird6-live
                           probes; several may be given; exit code 0 or 1
  --threshold-time 30s     for this long after start-up every BGP session must be Established to be ready
  --show-status            the processes of the node that runs here, and why it is not ready
  --shutdown               records the time of a planned shutdown
  --log-level LEVEL        trace, debug, info, warn, error or fatal (env CALICO_LOG_LEVEL)
  --health-address H:P     where to serve /readiness, /liveness and /metrics (default 127.0.0.1:9190)
  -v, --version            print the version
  -h, --help               print this

Environment: see README.md and Calico's own documentation of calico/node.
`;
