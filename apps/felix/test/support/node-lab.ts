import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Socket } from 'node:net';
import { familyOf, hostCidr, parseCidr, parseIp } from '@calico-node/net';
import {
  addAddress,
  addRoute,
  createNetns,
  createVeth,
  deleteNetns,
  deleteRoute,
  openNetns,
  openTcpSocket,
  replaceNeighbour,
  RouteSocket,
  setLink,
  writeSysctl,
} from '@calico-node/netlink';

/** A workload: a namespace behind a veth of the node. */
export interface Workload {
  readonly netns: string;
  readonly interfaceName: string;
  readonly address: string;
}

/** One node's network in namespaces of its own, with workloads cabled as the CNI plug-in cables them. */
export class NodeLab implements Disposable {
  readonly netns = `cnt-${randomBytes(5).toString('hex')}`;
  readonly #namespaces: string[] = [];
  readonly #node: RouteSocket;

  constructor() {
    createNetns(this.netns);
    this.#namespaces.push(this.netns);
    this.#node = RouteSocket.open({ netns: this.netns });
    this.#node.apply([
      setLink({ name: 'lo', up: true }),
      createVeth({ name: 'eth0', peer: { name: 'fabric' } }),
      setLink({ name: 'eth0', up: true }),
      setLink({ name: 'fabric', up: true }),
    ]);
    // The host answers a workload's ARP for its gateway only if it could route there.
    const eth0 = this.#node.getLink('eth0')!;
    this.#node.apply([
      addAddress({ interfaceIndex: eth0.index, ip: parseIp('172.16.0.1'), prefixLength: 24 }),
      addRoute({ destination: parseCidr('0.0.0.0/0'), gateway: parseIp('172.16.0.254'), interfaceIndex: eth0.index }),
    ]);
    writeSysctl('net.ipv4.ip_forward', '1', { netns: this.netns });
  }

  /** A workload with its interface up; the node's route and ARP proxy are set unless Felix is to do that. */
  addWorkload(name: string, address: string, options: { readonly byFelix?: boolean } = {}): Workload {
    const netns = `${this.netns}-${name}`;
    const interfaceName = `cali${name}`;
    createNetns(netns);
    this.#namespaces.push(netns);
    using namespace = openNetns(netns);
    this.#node.apply([
      createVeth({ name: interfaceName, peer: { name: 'eth0', netns: namespace } }),
      setLink({ name: interfaceName, up: true }),
    ]);
    const link = this.#node.getLink(interfaceName)!;
    using inside = RouteSocket.open({ netns });
    const eth0 = inside.getLink('eth0')!;
    inside.apply([
      setLink({ name: 'lo', up: true }),
      setLink({ name: 'eth0', up: true }),
      addAddress({ interfaceIndex: eth0.index, ip: parseIp(address), prefixLength: 32 }),
      addRoute({ destination: parseCidr('169.254.1.1/32'), interfaceIndex: eth0.index, scope: 'link' }),
      addRoute({ destination: parseCidr('0.0.0.0/0'), gateway: parseIp('169.254.1.1'), interfaceIndex: eth0.index }),
    ]);
    if (options.byFelix !== true) {
      this.#node.apply([
        addRoute({ destination: hostCidr(parseIp(address)), interfaceIndex: link.index }),
        replaceNeighbour({ interfaceIndex: link.index, ip: parseIp(address), mac: eth0.mac! }),
      ]);
      inside.apply([replaceNeighbour({ interfaceIndex: eth0.index, ip: parseIp('169.254.1.1'), mac: link.mac! })]);
    }
    waitUntilRunning(this.netns, interfaceName);
    waitUntilRunning(netns, 'eth0');
    return { netns, interfaceName, address };
  }

  /** Gives a workload an IPv6 address too, with the node as its gateway: neighbours are found by discovery. */
  addIpv6(workload: Workload, address: string): void {
    const { netns, interfaceName } = workload;
    for (const name of ['all', interfaceName]) {
      writeSysctl(`net/ipv6/conf/${name}/forwarding`, 1, { netns: this.netns });
    }
    runIn(this.netns, 'ip', '-6', 'address', 'add', 'fe80::1/64', 'dev', interfaceName, 'nodad');
    runIn(this.netns, 'ip', '-6', 'route', 'add', `${address}/128`, 'dev', interfaceName);
    runIn(netns, 'ip', '-6', 'address', 'add', 'fe80::2/64', 'dev', 'eth0', 'nodad');
    runIn(netns, 'ip', '-6', 'address', 'add', `${address}/128`, 'dev', 'eth0', 'nodad');
    runIn(netns, 'ip', '-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'eth0');
  }

  /** Sends what is for a workload's address to another interface. */
  moveRoute(address: string, interfaceName: string): void {
    const destination = hostCidr(parseIp(address));
    const [route] = this.#node.listRoutes({ family: 4 }).filter((candidate) => candidate.destination === destination);
    this.#node.apply([
      deleteRoute(route!),
      addRoute({ destination, interfaceIndex: this.#node.getLink(interfaceName)!.index }),
    ]);
  }

  /** Runs the real nft in the node; gives its lines without indentation. */
  nft(...args: string[]): string[] {
    return runIn(this.netns, 'nft', ...args)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }

  [Symbol.dispose](): void {
    this.#node.close();
    for (const name of this.#namespaces.reverse()) if (existsSync(`/run/netns/${name}`)) deleteNetns(name);
  }
}

/** Until the kernel has noted an interface's carrier, up to a second later, it drops what is sent there. */
function waitUntilRunning(netns: string, name: string): void {
  const isRunning = (): boolean => runIn(netns, 'ip', '-o', 'link', 'show', 'dev', name).includes('state UP');
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let left = 500; left > 0 && !isRunning(); left--) Atomics.wait(clock, 0, 0, 10);
}

/** Runs a program in a namespace and gives what it prints. */
export function runIn(netns: string, ...command: string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${netns}`, ...command], { encoding: 'utf8' });
}

/** How long a handshake within one machine may take before its packets count as dropped; the first is sent again after 1 s. */
const handshakeMs = 600;

/**
 * Whether a new TCP connection from a workload to an address and port gets through: nobody needs to listen,
 * since a refusal comes from the other end too.
 */
export function canConnect(from: Workload, to: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const fd = openTcpSocket({ family: familyOf(to), netns: from.netns });
  // No type of Node.js's names manualStart: not to read before it is connected.
  const options = { fd, readable: true, writable: true, manualStart: true };
  const socket = new Socket(options);
  socket.once('connect', () => {
    resolve(true);
  });
  socket.once('error', (error: NodeJS.ErrnoException) => {
    resolve(error.code === 'ECONNREFUSED');
  });
  setTimeout(() => {
    // An answer that came while the process did not run is read before this.
    setImmediate(() => {
      resolve(false);
    });
  }, handshakeMs);
  socket.connect(port, to);
  return promise.finally(() => socket.destroy());
}
