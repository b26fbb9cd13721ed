import { basename, dirname, join } from 'node:path';
import type { Backend } from './backend.ts';
import type { ComponentSpec } from './component.ts';
import { orphanMark } from './orphans.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** A program of the node: where it lies, and what it is called in `ps`. */
interface Program {
  readonly name: string;
  /** The app's folder, and its bundle's name. */
  readonly app: string;
  readonly args: readonly string[];
  /** `calico-felix` is what Calico's own `calicoctl node status` looks for. */
  readonly argv0: string;
  readonly healthPort: number;
  readonly after: readonly string[];
  readonly needsBgp: boolean;
}

/** In start order; stopped in reverse. */
const programs: readonly Program[] = [
  { name: 'ipam', app: 'ipam', args: [], argv0: 'calico-ipam-service', healthPort: 9193, after: [], needsBgp: false },
  { name: 'felix', app: 'felix', args: [], argv0: 'calico-felix', healthPort: 9099, after: [], needsBgp: false },
  {
    name: 'bgp-daemon',
    app: 'bgp-daemon',
    args: [],
    argv0: 'calico-bgp-daemon',
    healthPort: 9191,
    after: [],
    needsBgp: true,
  },
  {
    name: 'confd',
    app: 'confd',
    args: [],
    argv0: 'calico-confd',
    healthPort: 9192,
    after: ['bgp-daemon'],
    needsBgp: true,
  },
  {
    name: 'cni-server',
    app: 'cni-plugin',
    args: ['server'],
    argv0: 'calico-cni-server',
    healthPort: 9194,
    after: ['ipam', 'felix'],
    needsBgp: false,
  },
];

/** The names of all programs that the supervisor can run. */
export const programNames: readonly string[] = programs.map((program) => program.name);

/** The program's file: beside our own bundle, or in its app's sources when we run from ours. */
function programPath(app: string, ownFile: string): string {
  if (basename(ownFile) === 'main.ts') return join(dirname(ownFile), '..', '..', app, 'src', 'main.ts');
  return join(dirname(ownFile), `${app}.mjs`);
}

const felixNames: readonly (readonly [from: string, to: string])[] = [
  ['DATASTORE_TYPE', 'FELIX_DATASTORETYPE'],
  ['ETCD_AUTHORITY', 'FELIX_ETCDADDR'],
  ['ETCD_SCHEME', 'FELIX_ETCDSCHEME'],
  ['ETCD_ENDPOINTS', 'FELIX_ETCDENDPOINTS'],
  ['ETCD_DISCOVERY_SRV', 'FELIX_ETCDDISCOVERYSRV'],
  ['ETCD_KEY_FILE', 'FELIX_ETCDKEYFILE'],
  ['ETCD_CERT_FILE', 'FELIX_ETCDCERTFILE'],
  ['ETCD_CA_CERT_FILE', 'FELIX_ETCDCAFILE'],
];

/** Felix's names for what the node's environment says, as in Calico's own run script. Felix's own win. */
function felixEnvironment(env: Variables, nodeName: string): Variables {
  const mapped: Record<string, string> = { FELIX_FELIXHOSTNAME: nodeName };
  for (const [from, to] of felixNames) {
    const value = env[from];
    if (value !== undefined && env[to] === undefined) mapped[to] = value;
  }
  return mapped;
}

export interface NodeLayout {
  /** `main.ts` or the bundle that runs now. */
  readonly ownFile: string;
  readonly nodeBinary: string;
  /** Marks the children, so that they are known when they outlive us. */
  readonly runDir: string;
  readonly nodeName: string;
  readonly env: Variables;
}

function specOf(program: Program, layout: Omit<NodeLayout, 'runDir'>): ComponentSpec {
  const { env, nodeName, ownFile, nodeBinary } = layout;
  const address = `127.0.0.1:${program.healthPort}`;
  return {
    name: program.name,
    command: nodeBinary,
    args: [programPath(program.app, ownFile), ...program.args],
    argv0: program.argv0,
    env: {
      ...env,
      ...(program.name === 'felix' ? felixEnvironment(env, nodeName) : {}),
      NODENAME: nodeName,
      CALICO_HEALTH_ADDRESS: address,
    },
    after: program.after,
    readinessUrl: `http://${address}/readiness`,
  };
}

/** What to run for a back end, in start order; nothing else runs. CALICO_DISABLE_FELIX leaves Felix out. */
export function nodeComponents(backend: Backend, layout: NodeLayout): readonly ComponentSpec[] {
  const withoutFelix = (layout.env['CALICO_DISABLE_FELIX'] ?? '') !== '';
  const chosen = programs.filter(
    (program) => (backend === 'native' || !program.needsBgp) && !(withoutFelix && program.name === 'felix'),
  );
  const names = new Set(chosen.map((program) => program.name));
  return chosen.map((program) => {
    const spec = specOf(program, layout);
    return {
      ...spec,
      env: { ...spec.env, [orphanMark]: layout.runDir },
      after: spec.after.filter((name) => names.has(name)),
    };
  });
}

/** How to run one program in the foreground, as `calico-node -felix` does; undefined when there is none. */
export function nodeComponent(name: string, layout: Omit<NodeLayout, 'runDir'>): ComponentSpec | undefined {
  const program = programs.find((candidate) => candidate.name === name);
  return program === undefined ? undefined : specOf(program, layout);
}
