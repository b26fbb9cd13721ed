/** Nodes and workloads as network namespaces, joined by veth pairs. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { deleteNetns } from '@calico-node/netlink';

function ip(netns: string, ...args: string[]): string {
  return execFileSync('ip', ['-n', netns, ...args], { encoding: 'utf8' });
}

export function runIn(netns: string, ...command: string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${netns}`, ...command], { encoding: 'utf8' });
}

const macOf = (netns: string, name: string): string =>
  /link\/ether (\S+)/.exec(ip(netns, 'link', 'show', name))?.[1] ?? '';

/** What was made, to be taken away again: the last first. */
export class Namespaces implements Disposable {
  readonly #names: string[] = [];

  add(name: string): string {
    execFileSync('ip', ['netns', 'add', name]);
    this.#names.push(name);
    ip(name, 'link', 'set', 'lo', 'up');
    return name;
  }

  /** A node that forwards. */
  addNode(name: string): string {
    this.add(name);
    runIn(name, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    return name;
  }

  /** A workload behind an interface of the node, as the CNI plug-in attaches it; gives its namespace. */
  addWorkload(node: string, interfaceName: string, address: string): string {
    const netns = this.add(`${node}-${interfaceName.slice(-8)}`);
    ip(node, 'link', 'add', interfaceName, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
    ip(node, 'link', 'set', interfaceName, 'up');
    ip(netns, 'link', 'set', 'eth0', 'up');
    ip(netns, 'address', 'add', `${address}/32`, 'dev', 'eth0');
    ip(netns, 'route', 'add', '169.254.1.1', 'dev', 'eth0', 'scope', 'link');
    ip(netns, 'route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0');
    ip(netns, 'neighbour', 'add', '169.254.1.1', 'lladdr', macOf(node, interfaceName), 'dev', 'eth0');
    ip(node, 'route', 'add', address, 'dev', interfaceName);
    ip(node, 'neighbour', 'add', address, 'lladdr', macOf(netns, 'eth0'), 'dev', interfaceName);
    return netns;
  }

  [Symbol.dispose](): void {
    for (const name of this.#names.toReversed()) if (existsSync(`/run/netns/${name}`)) deleteNetns(name);
  }
}

/** A wire between two nodes, `192.0.2.1` and `192.0.2.2`, over which each reaches the other's workload. */
export function joinNodes(nodes: readonly [string, string], workloads: readonly [string, string]): void {
  const [a, b] = nodes;
  ip(a, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b);
  for (const [index, node] of nodes.entries()) {
    ip(node, 'address', 'add', `192.0.2.${index + 1}/24`, 'dev', 'eth0');
    ip(node, 'link', 'set', 'eth0', 'up');
    ip(node, 'route', 'add', workloads[1 - index] ?? '', 'via', `192.0.2.${2 - index}`);
  }
}

/** Makes a wire as slow as a real one, both ways; `undefined`: as fast as the machine. */
export function limitWire(nodes: readonly string[], mbitPerSecond: number | undefined): void {
  for (const node of nodes) {
    if (mbitPerSecond === undefined) runIn(node, 'tc', 'qdisc', 'delete', 'dev', 'eth0', 'root');
    else {
      const shape = ['tbf', 'rate', `${mbitPerSecond}mbit`, 'burst', '256kb', 'latency', '50ms'];
      runIn(node, 'tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', ...shape);
    }
  }
}
