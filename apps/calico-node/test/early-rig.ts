import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources } from '@calico-node/datastore';
import { freePort, startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { parseAsn } from '@calico-node/net';
import { isolateNetwork } from '@calico-node/netlink';
import { expect } from 'vitest';
import { endOrphans } from '../src/supervisor/orphans.ts';
import { finish, killAll } from './node-rig.ts';

const main = join(import.meta.dirname, '../src/main.ts');
export const stable = '172.31.10.3';
export const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

interface Tor {
  /** Its network namespace. */
  readonly name: string;
  /** The node's interface towards it. */
  readonly link: string;
  readonly net: string;
  readonly as: number;
}

export const layout = `
apiVersion: projectcalico.org/v3
kind: EarlyNetworkConfiguration
spec:
  nodes:
    - interfaceAddresses: [172.31.11.4, 172.31.12.4]
      stableAddress: { address: 172.31.10.4 }
      asNumber: 65001
      peerings: [{ peerIP: 172.31.11.1 }]
    - interfaceAddresses: [172.31.11.3, 172.31.12.3]
      stableAddress: { address: ${stable} }
      asNumber: 65001
      peerings:
        - { peerIP: 172.31.11.1, peerASNumber: 65011 }
        - { peerIP: 172.31.12.1, peerASNumber: 65012 }
      labels: { rack: ra }
`;

/** A ToR that gives the world away, and helps a node that starts again. */
function torConfig({ net, as }: Tor): string {
  return `
router id ${net}.1;
protocol device {}
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol kernel { ipv4 { export where proto = "node"; }; }
protocol bgp node {
  local ${net}.1 as ${as};
  neighbor ${net}.3 as 65001;
  connect delay time 1;
  connect retry time 1;
  graceful restart;
  ipv4 { import all; export all; next hop self; };
}
`;
}

/** A host between two ToRs, which are BIRDs in network namespaces; the host's network is this process's own. */
export class EarlyRig implements AsyncDisposable {
  readonly dir: string;
  readonly file: string;
  readonly tors: readonly Tor[] = [
    { name: `cnt-${randomBytes(3).toString('hex')}`, link: 'plane0', net: '172.31.11', as: 65011 },
    { name: `cnt-${randomBytes(3).toString('hex')}`, link: 'plane1', net: '172.31.12', as: 65012 },
  ];
  readonly #port: number;
  readonly #env: Readonly<Record<string, string>>;
  readonly #children: ChildProcess[] = [];
  #etcd: EtcdProcess | undefined;

  private constructor(port: number, env: Readonly<Record<string, string>>) {
    this.#port = port;
    this.dir = mkdtempSync(join(tmpdir(), 'cnt-early-'));
    this.file = join(this.dir, 'early.yaml');
    this.#env = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('@', this.dir)]));
  }

  /** @param env of each node; `@` in a value is the rig's directory. */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<EarlyRig> {
    isolateNetwork();
    const rig = new EarlyRig(await freePort(), env);
    mkdirSync(join(rig.dir, 'run'));
    writeFileSync(rig.file, layout);
    for (const tor of rig.tors) {
      const { name, link, net } = tor;
      ip('netns', 'add', name);
      ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('link', 'set', link, 'up');
      ip('address', 'add', `${net}.3/24`, 'dev', link);
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'address', 'add', `${net}.1/24`, 'dev', 'eth0');
      const config = join(rig.dir, `${link}.conf`);
      writeFileSync(config, torConfig(tor));
      rig.run('ip', ['netns', 'exec', name, 'bird', '-f', '-c', config, '-s', rig.#control(tor)]);
    }
    return rig;
  }

  run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn(command, args, {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    return child;
  }

  runNode(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return this.run(process.execPath, [main, ...args], {
      NODENAME: 'n1',
      ETCD_ENDPOINTS: `http://127.0.0.1:${this.#port}`,
      CALICO_RUN_DIR: join(this.dir, 'run'),
      CALICO_LIB_DIR: join(this.dir, 'lib'),
      CALICO_DISABLE_FELIX: 'true',
      CALICO_IPV4POOL_CIDR: '10.65.0.0/16',
      CALICO_IPV6POOL_CIDR: 'none',
      CALICO_EARLY_NETWORKING: this.file,
      ...this.#env,
      ...env,
    });
  }

  /** Starts a node, and keeps what it logs. */
  startNode(
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): readonly [ChildProcess, string[]] {
    const log: string[] = [];
    const node = this.runNode(args, env);
    node.stdout?.resume();
    node.stderr?.setEncoding('utf8').on('data', (text: string) => log.push(text));
    return [node, log];
  }

  /** All that a command says from now on. */
  watch(command: string, args: readonly string[]): string[] {
    const lines: string[] = [];
    this.run(command, args)
      .stdout?.setEncoding('utf8')
      .on('data', (text: string) => lines.push(text));
    return lines;
  }

  learntBy({ name }: Tor): string {
    return ip('-n', name, 'route', 'show', `${stable}/32`);
  }

  /** Whether each ToR reaches the stable address. */
  async areReaching(): Promise<readonly boolean[]> {
    const pings = this.tors.map(({ name }) =>
      finish(this.run('ip', ['netns', 'exec', name, 'ping', '-c', '1', '-W', '1', stable])),
    );
    return (await Promise.all(pings)).map(({ code }) => code === 0);
  }

  /** How many ToRs have a session with the node. */
  established(): number {
    const said = this.tors.map((tor) => this.birdc(tor, 'show', 'protocols', 'all', 'node')).join('');
    return said.match(/BGP state: +Established/g)?.length ?? 0;
  }

  birdc(tor: Tor, ...command: string[]): string {
    return execFileSync('birdc', ['-s', this.#control(tor), ...command], { encoding: 'utf8' });
  }

  /** The node's `/readiness`: what each component says. */
  async readiness(): Promise<Readonly<Record<string, { readonly ok: boolean; readonly reason: string }>>> {
    const response = await fetch('http://127.0.0.1:9190/readiness');
    const { components } = (await response.json()) as {
      readonly components: readonly { readonly name: string; readonly ok: boolean; readonly reason: string }[];
    };
    return Object.fromEntries(components.map(({ name, ok, reason }) => [name, { ok, reason }]));
  }

  /** Starts the store, with the ToRs as peers of the node's own daemon. */
  async startStore(): Promise<void> {
    this.#etcd = await startEtcd({ port: this.#port });
    await this.useStore(async (resources) => {
      const apiVersion = 'projectcalico.org/v3';
      // The node, which waits for the store, may have made one.
      await resources.apply({
        kind: 'BGPConfiguration',
        apiVersion,
        metadata: { name: 'default' },
        spec: { nodeToNodeMeshEnabled: false },
      });
      await resources.apply({
        kind: 'IPPool',
        apiVersion,
        metadata: { name: 'stable' },
        spec: { cidr: '172.31.10.0/24', disabled: true },
      });
      for (const { link, net, as } of this.tors) {
        await resources.apply({
          kind: 'BGPPeer',
          apiVersion,
          metadata: { name: link },
          spec: {
            peerIP: `${net}.1`,
            asNumber: parseAsn(as),
            nodeSelector: "rack == 'ra'",
            // From the interface's address, which the ToR knows, not from the node's stable one.
            sourceAddress: 'None',
          },
        });
      }
    });
  }

  async useStore<T>(use: (resources: Resources) => Promise<T>): Promise<T> {
    const backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: this.#etcd?.endpoints[0] } }));
    try {
      return await use(new Resources(backend));
    } finally {
      backend.close();
    }
  }

  /**
   * Carries out a take-over under pings of both ToRs: not one is lost, the node's default route stays, and so does each
   * ToR's route to the node.
   */
  async expectNoGap(takeOver: () => Promise<void>): Promise<void> {
    const own = this.watch('ip', ['-4', 'monitor', 'route']);
    const theirs = this.tors.map(({ name }) => this.watch('ip', ['-n', name, '-4', 'monitor', 'route']));
    // Each round ends when its last request was answered.
    const rounds =
      'trap stopped=1 TERM; until [ -n "$stopped" ]; do ping -q -c 5 -i 0.1 -W 2 "$0"; [ $? -lt 2 ] || exit; done';
    const pings = this.tors.map(({ name }) => this.run('ip', ['netns', 'exec', name, 'sh', '-c', rounds, stable]));
    const pinged = pings.map(finish);
    await takeOver();
    for (const ping of pings) ping.kill('SIGTERM');
    for (const { stdout } of await Promise.all(pinged)) {
      const losses = [...stdout.matchAll(/, ([\d.]+)% packet loss/g)].map(([, loss]) => loss);
      expect(losses.length).toBeGreaterThan(2);
      expect(losses.filter((loss) => loss !== '0')).toEqual([]);
    }
    expect(own.join('')).not.toContain('Deleted default');
    for (const seen of theirs) expect(seen.join('')).not.toContain(`Deleted ${stable}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killAll(this.#children);
    for (const name of ['run', 'run/early', 'run/early-only']) await endOrphans(join(this.dir, name));
    await this.#etcd?.stop();
    for (const { name } of this.tors) ip('netns', 'del', name);
    rmSync(this.dir, { recursive: true, force: true });
  }

  #control({ link }: Tor): string {
    return join(this.dir, `${link}.ctl`);
  }
}
