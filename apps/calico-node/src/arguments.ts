import { parseArgs } from 'node:util';
import type { ServiceName } from './services/run-services.ts';
import { parseDurationMs } from './startup/duration.ts';

/** What one run of `calico-node` is asked to do. */
export type Mode =
  /** Start-up, then everything that the back end needs. */
  | { readonly kind: 'all'; readonly rest: readonly string[] }
  | { readonly kind: 'startup'; readonly rest: readonly string[] }
  /** The host's network alone, beside a node that runs elsewhere. */
  | { readonly kind: 'early'; readonly rest: readonly string[] }
  /** One of the node's programs in the foreground. */
  | { readonly kind: 'program'; readonly program: string; readonly rest: readonly string[] }
  | { readonly kind: 'probe'; readonly probes: readonly Probe[]; readonly thresholdSeconds: number }
  /** One of the services that else run beside the supervisor, in the foreground. */
  | { readonly kind: 'service'; readonly service: ServiceName; readonly rest: readonly string[] }
  /** Tunnel addresses once. */
  | { readonly kind: 'allocate-once'; readonly rest: readonly string[] }
  | { readonly kind: 'show-status' }
  | { readonly kind: 'shutdown'; readonly rest: readonly string[] }
  | { readonly kind: 'complete-startup'; readonly rest: readonly string[] }
  /** What calico/node's privileged init container does. */
  | { readonly kind: 'init' }
  /** The host's directories, for a node that is not root's. */
  | { readonly kind: 'hostpath-init' }
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
/** The services' flags, with the other name that some manifests use. */
const serviceFlags = {
  'monitor-addresses': 'monitor-addresses',
  'allocate-tunnel-addrs': 'allocate-tunnel-addrs',
  'status-reporter': 'status-reporter',
  'node-status-reporter': 'status-reporter',
  'monitor-token': 'monitor-token',
} as const satisfies Record<string, ServiceName>;

const ownFlags: readonly string[] = [
  ...probeNames,
  ...Object.keys(programFlags),
  ...Object.keys(serviceFlags),
  'startup',
  'early',
  'complete-startup',
  'allocate-tunnel-addrs-run-once',
  'confd-run-once',
  'confd-confdir',
  'confd-keep-stage-file',
  'init',
  'hostpath-init',
  'best-effort',
  'status',
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

function parseSeconds(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new UsageError(`--threshold-time: '${text}' is not a duration such as 30s`);
  return ms / 1000;
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
        early: flag,
        felix: flag,
        confd: flag,
        bgp: flag,
        'felix-live': flag,
        'felix-ready': flag,
        'bird-live': flag,
        'bird6-live': flag,
        'bird-ready': flag,
        'bird6-ready': flag,
        'monitor-addresses': flag,
        'allocate-tunnel-addrs': flag,
        'allocate-tunnel-addrs-run-once': flag,
        'status-reporter': flag,
        'node-status-reporter': flag,
        'monitor-token': flag,
        'complete-startup': flag,
        'confd-run-once': flag,
        'confd-confdir': { type: 'string' },
        'confd-keep-stage-file': flag,
        init: flag,
        'hostpath-init': flag,
        'best-effort': flag,
        status: flag,
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
  const confd = [
    ...(values['confd-run-once'] === true ? ['--onetime'] : []),
    ...(values['confd-confdir'] === undefined ? [] : ['--confdir', values['confd-confdir']]),
    ...(values['confd-keep-stage-file'] === true ? ['--keep-stage-file'] : []),
  ];
  const probes = probeNames.filter((name) => values[name] === true);
  const modes: Mode[] = [
    ...(values.help === true ? [{ kind: 'help' } as const] : []),
    ...(values.version === true ? [{ kind: 'version' } as const] : []),
    ...(values.startup === true ? [{ kind: 'startup', rest } as const] : []),
    ...(values.early === true ? [{ kind: 'early', rest } as const] : []),
    ...(values['show-status'] === true || values.status === true ? [{ kind: 'show-status' } as const] : []),
    ...(values.shutdown === true ? [{ kind: 'shutdown', rest } as const] : []),
    ...(values['complete-startup'] === true ? [{ kind: 'complete-startup', rest } as const] : []),
    ...(values.init === true ? [{ kind: 'init' } as const] : []),
    ...(values['hostpath-init'] === true ? [{ kind: 'hostpath-init' } as const] : []),
    ...(values['allocate-tunnel-addrs-run-once'] === true ? [{ kind: 'allocate-once', rest } as const] : []),
    ...(
      [
        'monitor-addresses',
        'allocate-tunnel-addrs',
        'status-reporter',
        'node-status-reporter',
        'monitor-token',
      ] as const
    ).flatMap((name) => {
      const isOnce = name === 'allocate-tunnel-addrs' && values['allocate-tunnel-addrs-run-once'] === true;
      if (values[name] !== true || isOnce) return [];
      return [{ kind: 'service', service: serviceFlags[name], rest } as const];
    }),
    ...(['felix', 'confd', 'bgp'] as const).flatMap((name) =>
      values[name] === true
        ? [
            {
              kind: 'program',
              program: programFlags[name],
              rest: [...rest, ...(name === 'confd' ? confd : [])],
            } as const,
          ]
        : [],
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
  --early                  what CALICO_EARLY_NETWORKING says, and nothing else, until it is ended: before a kubelet
  --complete-startup       waits until the node is ready and tells Kubernetes that it has a network
  --felix, --confd, --bgp  one process, in the foreground; --confd-run-once renders once and ends,
                           --confd-confdir DIR names the directory of operators' templates,
                           --confd-keep-stage-file keeps files where they are staged
  --monitor-addresses, --allocate-tunnel-addrs, --status-reporter, --monitor-token
                           one of the services that run beside the processes, in the foreground
  --allocate-tunnel-addrs-run-once
                           takes the tunnel addresses that the pools ask for, and ends
  --felix-ready, --felix-live, --bird-ready, --bird6-ready, --bird-live, --bird6-live
                           probes; several may be given; exit code 0 or 1
  --threshold-time 30s     for this long after start-up every BGP session must be Established to be ready
  --status, --show-status  the processes of the node that runs here, and why it is not ready
  --shutdown               records the time of a planned shutdown, and tells Kubernetes that the network goes
  --init, --best-effort    nothing: this node needs no file system mounted by an init container
  --hostpath-init          makes the directories on the host, for the user NODE_USER_ID
  --log-level LEVEL        trace, debug, info, warn, error or fatal (env CALICO_LOG_LEVEL)
  --health-address H:P     where to serve /readiness, /liveness and /metrics (default 127.0.0.1:9190)
  -v, --version            print the version
  -h, --help               print this

Environment: docs/environment.md lists the variables of calico/node.
`;
