/**
 * A driver that changes the kernel's state without end, and is killed again and again at some point of that, while
 * packets of new connections flow: what both states allow is never dropped, what both deny never gets through, and where
 * it was killed, policy is that of the one state or of the other. CALICO_KILLS says how often it is killed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseIp, parseMac, macToBytes } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { describe, expect, it } from 'vitest';
import { NodeLab, type Workload } from './support/node-lab.ts';
import { encodeFrame, FrameSender } from './support/raw-packet.ts';
import { addresses, ports } from './support/two-states.ts';

const program = join(import.meta.dirname, 'support/flapping-driver.ts');
const kills = Number(process.env['CALICO_KILLS'] ?? 0);

/** Has the driver change the kernel's state without end, and kills it some time in between. */
async function runAndKill(driver: string, netns: string): Promise<void> {
  const child = spawn(process.execPath, [program, driver, netns], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await delay(Math.random() * 200);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}

/** First packets of connections from one workload, counted as they come and as they leave, where they end. */
class Traffic implements Disposable {
  readonly #lab: NodeLab;
  readonly #sender: FrameSender;
  readonly #mac: Uint8Array;

  constructor(lab: NodeLab, client: Workload) {
    this.#lab = lab;
    using node = RouteSocket.open({ netns: lab.netns });
    this.#mac = macToBytes(parseMac(node.getLink(client.interfaceName)!.mac!));
    using inside = RouteSocket.open({ netns: client.netns });
    this.#sender = new FrameSender(client.netns, inside.getLink('eth0')!.index);
    const count = (which: string): string => `set ${which} { typeof ip daddr . tcp dport; flags dynamic; size 65535; }`;
    lab.nft(`table ip probe {
      ${count('arrived')}
      ${count('passed')}
      chain before { type filter hook prerouting priority -400; add @arrived { ip daddr . tcp dport counter }; }
      chain left { type filter hook postrouting priority 200; add @passed { ip daddr . tcp dport counter } drop; }
    }`);
  }

  send(destination: string, destinationPort: number): void {
    const ends = { source: parseIp(addresses.client), destination: parseIp(destination) };
    const ports = { sourcePort: 30_000, destinationPort };
    const packet = { family: 4, protocol: 6, conntrackState: 'new', ...ends, ...ports } as const;
    this.#sender.send(encodeFrame(packet, this.#mac, 1));
  }

  /** How many came, or left, by `<address>:<port>`. */
  counts(which: 'arrived' | 'passed'): ReadonlyMap<string, number> {
    const text = this.#lab.nft('-n', 'list', 'set', 'ip', 'probe', which).join(' ');
    const elements = text.matchAll(/([\d.]+) \. (\d+) counter packets (\d+)/g);
    return new Map([...elements].map(([, address, port, packets]) => [`${address}:${port}`, Number(packets)]));
  }

  /** Which of the ends a packet reaches now. */
  reached(destinations: readonly string[], numbers: readonly number[]): readonly string[] {
    this.#lab.nft('flush', 'set', 'ip', 'probe', 'arrived');
    this.#lab.nft('flush', 'set', 'ip', 'probe', 'passed');
    for (const destination of destinations) for (const number of numbers) this.send(destination, number);
    while (this.counts('arrived').size < destinations.length * numbers.length);
    return [...this.counts('passed').keys()].sort();
  }

  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
  }
}

describe.each([
  ['nftables', 2],
  ['iptables-legacy', 1],
  ['iptables-nft', 1],
])('policy by %s', (driver, fewKills) => {
  const times = Math.max(kills, fewKills);

  it(
    'is the old or the new at every time, also when the driver is killed half-way, and what is new is never open',
    { timeout: 60_000 + times * 20_000 },
    async () => {
      using lab = new NodeLab();
      const client = lab.addWorkload('1', addresses.client);
      lab.addWorkload('2', addresses.server);
      lab.addWorkload('3', addresses.late);
      await runAndKill(driver, lab.netns);
      using traffic = new Traffic(lab, client);
      const servers = [addresses.server, addresses.late];
      const wholes: readonly (readonly string[])[] = [
        [`${addresses.server}:${ports.first}`, `${addresses.server}:${ports.always}`],
        [
          ...[ports.second, ports.always].map((port) => `${addresses.server}:${port}`),
          ...[ports.second, ports.always].map((port) => `${addresses.late}:${port}`),
        ],
      ].map((whole) => whole.sort());
      for (let kill = 0; kill < times; kill++) {
        traffic.reached([], []);
        const over = new AbortController();
        const flow = (async () => {
          while (!over.signal.aborted) {
            traffic.send(addresses.server, ports.always);
            for (const server of servers) traffic.send(server, ports.never);
            await delay(1);
          }
        })();
        await runAndKill(driver, lab.netns);
        over.abort();
        await flow;
        const always = `${addresses.server}:${ports.always}`;
        // The last ones may still be on their way.
        const lost = (): number =>
          (traffic.counts('arrived').get(always) ?? 0) - (traffic.counts('passed').get(always) ?? 0);
        await expect.poll(lost).toBe(0);
        expect(traffic.counts('passed').get(always)).toBeGreaterThan(20);
        expect([...traffic.counts('passed').keys()]).toEqual([always]);

        const found = traffic.reached(servers, Object.values(ports));
        expect(wholes).toContainEqual(found);
      }
    },
  );
});
