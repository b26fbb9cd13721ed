import { basename, dirname, join } from 'node:path';
import { nodeVariables } from '../startup/variables.ts';
import { speaksBgp, type Backend } from './backend.ts';
import { birdComponent } from './bird-component.ts';
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
  /** Whether it is part of a node with this back end and environment. */
  readonly isWanted: (backend: Backend, env: Variables) => boolean;
}

const always = (): boolean => true;

/** In start order; stopped in reverse. The BIRDs come behind confd. */
const programs: readonly Program[] = [
  { name: 'ipam', app: 'ipam', args: [], argv0: 'calico-ipam-service', healthPort: 9193, after: [], isWanted: always },
  {
    name: 'felix',
    app: 'felix',
    args: [],
    argv0: 'calico-felix',
    healthPort: 9099,
    after: [],
    isWanted: (_backend, env) => (env['CALICO_DISABLE_FELIX'] ?? '') === '',
  },
  {
    name: 'bgp-daemon',
    app: 'bgp-daemon',
    args: [],
    argv0: 'calico-bgp-daemon',
    healthPort: 9191,
    after: [],
    isWanted: (backend) => backend === 'native',
  },
  {
    name: 'confd',
    app: 'confd',
    args: [],
    argv0: 'calico-confd',
    healthPort: 9192,
    after: ['bgp-daemon'],
    isWanted: speaksBgp,
  },
  {
    name: 'cni-server',
    app: 'cni-plugin',
    args: ['server'],
    argv0: 'calico-cni-server',
    healthPort: 9194,
    after: ['ipam', 'felix'],
    isWanted: always,
  },
  {
    name: 'libnetwork-plugin',
    app: 'libnetwork-plugin',
    args: [],
    argv0: 'calico-libnetwork-plugin',
    healthPort: 9195,
    after: ['ipam', 'felix'],
    isWanted: (_backend, env) => isSet(env['CALICO_LIBNETWORK_ENABLED']),
  },
];

/** The names of all programs that the supervisor can run. */
export const programNames: readonly string[] = programs.map((program) => program.name);

/** The program's file: beside our own bundle, or in its app's sources when we run from ours. */
function programPath(app: string, ownFile: string): string {
  if (basename(ownFile) === 'main.ts') return join(dirname(ownFile), '..', '..', app, 'src', 'main.ts');
  return join(dirname(ownFile), `${app}.mjs`);
}

/** Calico's rule for booleans: what is there and does not say no. Start-up has refused other words. */
function isSet(value: string | undefined): boolean {
  return !['', 'false', '0', 'no', 'n', 'f'].includes((value ?? '').trim().toLowerCase());
}

/** Where a program serves its health. Felix has variables of its own, by which Calico's probes find it. */
function healthAddressOf({ name, healthPort }: Program, env: Variables): string {
  if (name !== 'felix') return `127.0.0.1:${healthPort}`;
  const host = env['FELIX_HEALTHHOST'] ?? '127.0.0.1';
  return `${host.includes(':') ? `[${host}]` : host}:${env['FELIX_HEALTHPORT'] ?? String(healthPort)}`;
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

/** confd's log level under our name for it. */
function confdEnvironment(env: Variables): Variables {
  const { parse } = nodeVariables.BGP_LOGSEVERITYSCREEN;
  const level = parse(env['BGP_LOGSEVERITYSCREEN']?.trim() ?? '');
  return level === undefined ? {} : { CALICO_LOG_LEVEL: level };
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
  const address = healthAddressOf(program, env);
  return {
    name: program.name,
    command: nodeBinary,
    args: [programPath(program.app, ownFile), ...program.args],
    argv0: program.argv0,
    env: {
      ...env,
      ...(program.name === 'felix' ? felixEnvironment(env, nodeName) : {}),
      ...(program.name === 'confd' ? confdEnvironment(env) : {}),
      NODENAME: nodeName,
      CALICO_HEALTH_ADDRESS: address,
    },
    after: program.after,
    readinessUrl: `http://${address}/readiness`,
    takesMessages: true,
  };
}

/** What to run for a back end, in start order; nothing else runs. CALICO_DISABLE_FELIX leaves Felix out. */
export function nodeComponents(backend: Backend, layout: NodeLayout): readonly ComponentSpec[] {
  const { env, runDir } = layout;
  const specs = programs
    .filter(({ isWanted }) => isWanted(backend, env))
    .flatMap((program) => {
      const spec = specOf(program, layout);
      if (backend !== 'bird' || program.name !== 'confd') return [spec];
      return [spec, birdComponent('bird', layout), birdComponent('bird6', layout)];
    });
  const names = new Set(specs.map(({ name }) => name));
  return specs.map((spec) => ({
    ...spec,
    env: { ...spec.env, [orphanMark]: runDir },
    after: spec.after.filter((name) => names.has(name)),
  }));
}

/**
 * The BGP daemon as the early speaker: beside the node's own one, with files, socket and port of its own, and without
 * health of its own.
 */
export function earlySpeaker({
  ownFile,
  nodeBinary,
  runDir,
  env,
  configFile,
  port,
}: Omit<NodeLayout, 'nodeName'> & { readonly configFile: string; readonly port: number }): ComponentSpec {
  const socket = join(runDir, 'bgp.sock');
  return {
    name: 'early-bgp',
    command: nodeBinary,
    args: [programPath('bgp-daemon', ownFile), '--config', configFile, '--socket', socket, '--port', String(port)],
    argv0: 'calico-early-bgp',
    env: {
      ...env,
      CALICO_RUN_DIR: runDir,
      CALICO_LIB_DIR: runDir,
      CALICO_HEALTH_ADDRESS: 'off',
      [orphanMark]: runDir,
    },
    after: [],
    takesMessages: true,
  };
}

/** How to run one program in the foreground, as `calico-node -felix` does; undefined when there is none. */
export function nodeComponent(name: string, layout: Omit<NodeLayout, 'runDir'>): ComponentSpec | undefined {
  const program = programs.find((candidate) => candidate.name === name);
  return program === undefined ? undefined : specOf(program, layout);
}
