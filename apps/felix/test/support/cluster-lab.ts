import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { parseNodeName, type Family, type WireguardKey } from '@calico-node/net';
import { createNetns, deleteNetns, writeSysctl } from '@calico-node/netlink';
import { WireguardSocket, type WireguardChange } from '@calico-node/netlink/wireguard';
import { CalcGraph, type CalcGraphOptions, type StoreUpdate } from '../../src/calc/calc-graph.ts';
import { storedEndpoint } from '../../src/calc/testing/resources.ts';
import { FlowOffload } from '../../src/dataplane/flow-offload/flow-offload.ts';
import { WorkloadInterfaces } from '../../src/dataplane/interfaces/workload-interfaces.ts';
import type { PolicyDriver } from '../../src/dataplane/policy-driver.ts';
import { ClusterNetwork, type ClusterNetworkOptions } from '../../src/dataplane/tunnels/cluster-network.ts';
import { WireguardNetwork, type WireguardNetworkOptions } from '../../src/dataplane/wireguard/wireguard-network.ts';
import { defaultRuleOptions, type RuleOptions } from '../../src/rules/options.ts';
import { drivers } from './drivers.ts';
import { runIn } from './node-lab.ts';

/** What Felix's parameters say. */
export interface LabOptions {
  readonly graph?: Omit<CalcGraphOptions, 'hostname'>;
  readonly rules?: Partial<RuleOptions>;
  /** Families with WireGuard, and what is not its default. */
  readonly wireguard?: Partial<Record<Family, Partial<WireguardNetworkOptions>>>;
  /** Known connections go past the chains. */
  readonly hasFlowTable?: boolean;
}

/** A node of the lab: Felix's graph and drivers, run by the test, in a namespace with a cable to the fabric. */
export class LabNode implements Disposable {
  readonly name: string;
  readonly netns: string;
  dirty = 0;
  workloadMtu: number | undefined;
  network: ClusterNetwork;
  /** As its kernel has them, for the store. */
  readonly publicKeys = new Map<Family, WireguardKey | undefined>();
  readonly wireguard: WireguardNetwork[];
  readonly flows: FlowOffload | undefined;
  readonly #graph: CalcGraph;
  readonly #policy: PolicyDriver;
  readonly #interfaces: WorkloadInterfaces;

  constructor(name: string, netns: string, driver: keyof typeof drivers, options: LabOptions) {
    this.name = name;
    this.netns = netns;
    this.#graph = new CalcGraph({ hostname: parseNodeName(name), ...options.graph });
    this.#graph.onInSync();
    this.#policy = drivers[driver]!({ netns, families: [4, 6], rules: { ...defaultRuleOptions, ...options.rules } });
    this.#interfaces = new WorkloadInterfaces({
      netns,
      prefixes: ['cali'],
      ipv6: true,
      routeProtocol: 3,
      metric: { 4: 1024, 6: 1024 },
      onDirty: () => undefined,
    });
    this.#interfaces.enableForwarding();
    this.network = this.openNetwork();
    if (options.hasFlowTable === true) this.flows = this.#openFlows();
    this.wireguard = ([4, 6] as const).flatMap((family) => {
      const more = options.wireguard?.[family];
      return more === undefined ? [] : [this.openWireguard(family, more)];
    });
  }

  openNetwork(more: Partial<ClusterNetworkOptions> = {}): ClusterNetwork {
    return new ClusterNetwork({
      netns: this.netns,
      hostname: parseNodeName(this.name),
      families: [4, 6],
      routeProtocol: 80,
      mtuInterfaces: /^eth/,
      vxlan: { vni: 4096, port: 4789 },
      mtus: { ipip: 0, vxlan4: 0, vxlan6: 0, wireguard4: 0, wireguard6: 0 },
      onWorkloadMtu: (mtu) => {
        this.workloadMtu = mtu;
      },
      onDirty: () => {
        this.dirty += 1;
      },
      ...more,
    });
  }

  #openFlows(): FlowOffload {
    return new FlowOffload({
      netns: this.netns,
      families: [4, 6],
      prefixes: ['cali'],
      isDataInterface: (name) => /^(eth0|vxlan|tunl0|wireguard)/.test(name),
      log: { info: () => undefined, warn: () => undefined },
      onDirty: () => {
        this.dirty += 1;
      },
    });
  }

  openWireguard(family: Family, more: Partial<WireguardNetworkOptions>): WireguardNetwork {
    return new WireguardNetwork({
      netns: this.netns,
      hostname: parseNodeName(this.name),
      family,
      interfaceName: family === 4 ? 'wireguard.cali' : 'wg-v6.cali',
      port: family === 4 ? 51820 : 51821,
      mark: 0x200000,
      table: 1,
      rulePriority: 99,
      routeProtocol: 80,
      mtu: 0,
      mtuInterfaces: /^eth/,
      keepaliveSeconds: 0,
      encryptsHosts: false,
      threading: false,
      onPublicKey: (key) => {
        this.publicKeys.set(family, key);
      },
      onDirty: () => {
        this.dirty += 1;
      },
      ...more,
    });
  }

  /** Takes what is new in the store and brings it to the kernel; gives what the network could not do. */
  async take(updates: readonly StoreUpdate[]): Promise<readonly string[]> {
    for (const update of updates) this.#graph.update(update);
    const { intents } = this.#graph.flush();
    this.#policy.update(intents);
    this.network.update(intents);
    for (const network of this.wireguard) network.update(intents);
    this.flows?.update(intents);
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') this.#interfaces.update(intent.id, intent.endpoint);
    }
    await this.#policy.apply();
    this.#interfaces.establish();
    const problems = [...this.network.apply(), ...this.wireguard.flatMap((network) => network.apply())];
    this.flows?.apply();
    return problems;
  }

  /** Changes the WireGuard device of IPv4 as another program would. */
  setWireguard(change: WireguardChange): void {
    using socket = WireguardSocket.open({ netns: this.netns });
    socket.setDevice(this.wireguard[0]!.readDevice()!.interfaceIndex, change);
  }

  /** Runs a program here; gives its lines, each without spaces at the ends. */
  run(...command: readonly string[]): readonly string[] {
    return runIn(this.netns, ...command)
      .split('\n')
      .map((line) => line.replaceAll(/\s+/g, ' ').trim())
      .filter((line) => line !== '');
  }

  [Symbol.dispose](): void {
    this.network[Symbol.dispose]();
    for (const network of this.wireguard) network[Symbol.dispose]();
    this.flows?.[Symbol.dispose]();
    this.#interfaces.close();
    this.#policy.close();
  }
}

/** Nodes in two subnets with a router between, and workloads on them. */
export class ClusterLab implements Disposable {
  readonly nodes: readonly LabNode[];
  readonly fabric: string;
  readonly #prefix = `cnt-${randomBytes(4).toString('hex')}`;
  readonly #namespaces: string[] = [];

  constructor(driver: keyof typeof drivers = 'nftables', options: LabOptions = {}) {
    this.fabric = this.#namespace('fabric');
    this.#sh(
      this.fabric,
      'ip link add br0 type bridge; ip link set br0 up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1',
      'ip addr add 172.16.0.254/24 dev br0; ip addr add 172.17.0.254/24 dev br0',
      'ip addr add fd16::254/64 dev br0 nodad; ip addr add fd17::254/64 dev br0 nodad',
    );
    this.nodes = [16, 16, 17].map((subnet, index) => this.#node(index + 1, subnet, driver, options));
  }

  /** Cables a workload on a node, and gives its namespace and its record for the store. */
  addWorkload(node: LabNode, name: string, ipv4: string, ipv6: string): { netns: string; update: StoreUpdate } {
    const netns = this.#namespace(name);
    this.#sh(
      node.netns,
      `ip link add cali${name} type veth peer name eth0 netns ${netns}; ip link set cali${name} up`,
      `ip addr add fe80::1/64 dev cali${name} nodad`,
    );
    this.#sh(
      netns,
      `ip link set lo up; ip link set eth0 up; ip addr add ${ipv4}/32 dev eth0; ip addr add ${ipv6}/128 dev eth0 nodad`,
      'ip route add 169.254.1.1 dev eth0; ip route add default via 169.254.1.1; ip route add default via fe80::1 dev eth0',
    );
    const spec = {
      interfaceName: `cali${name}`,
      ipNetworks: [`${ipv4}/32`, `${ipv6}/128`],
      profiles: ['projectcalico-default-allow'],
    };
    return { netns, update: storedEndpoint({ node: node.name, workload: name, spec }) };
  }

  /** Whether the host or workload in the namespace has an answer from the address. */
  canPing(netns: string, address: string): boolean {
    try {
      runIn(netns, 'ping', '-c1', '-W2', '-q', address);
      return true;
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    for (const node of this.nodes) node[Symbol.dispose]();
    for (const name of this.#namespaces.reverse()) if (existsSync(`/run/netns/${name}`)) deleteNetns(name);
  }

  #node(number: number, subnet: number, driver: keyof typeof drivers, options: LabOptions): LabNode {
    const netns = this.#namespace(`node${number}`);
    this.#sh(
      this.fabric,
      `ip link add p${number} type veth peer name eth0 netns ${netns}; ip link set p${number} master br0 up`,
    );
    this.#sh(
      netns,
      `ip link set lo up; ip link set eth0 up; ip addr add 172.${subnet}.0.${number}/24 dev eth0`,
      `ip addr add fd${subnet}::${number}/64 dev eth0 nodad; ip route add default via 172.${subnet}.0.254`,
      `ip route add default via fd${subnet}::254`,
    );
    return new LabNode(`node${number}`, netns, driver, options);
  }

  #namespace(name: string): string {
    const netns = `${this.#prefix}-${name}`;
    createNetns(netns);
    this.#namespaces.push(netns);
    // Addresses are usable at once.
    writeSysctl('net/ipv6/conf/default/accept_dad', 0, { netns });
    return netns;
  }

  #sh(netns: string, ...lines: readonly string[]): void {
    runIn(netns, 'sh', '-ec', lines.join('\n'));
  }
}
