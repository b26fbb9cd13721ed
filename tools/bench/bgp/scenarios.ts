import { setTimeout as delay } from 'node:timers/promises';
import { parseIp } from '@calico-node/net';
import { asn, type BenchDaemon } from './daemons.ts';
import { BenchNetwork } from './network.ts';
import { makeRoutes, type RouteSet } from './routes.ts';
import type { RoutingView } from './routing-view.ts';
import { BenchSpeaker, type SpeakerOptions } from './speaker.ts';

/** What was measured: milliseconds, but for `peakMib`. */
export type Measures = Readonly<Record<string, number>>;

const timeoutMs = 300_000;
const latencySamples = 40;

type Extra = Pick<SpeakerOptions, 'own' | 'ignoresRoutes'>;

function speakerAt(network: BenchNetwork, index: number, extra: Extra = {}): BenchSpeaker {
  return new BenchSpeaker({
    netns: network.loadNamespace,
    address: network.peerAddresses[index] ?? '',
    peer: network.daemonAddress,
    asn,
    routerId: 0x0afe0101 + index,
    ...extra,
  });
}

/** A session as soon as the daemon takes connections. */
export async function connected(network: BenchNetwork, index: number, extra: Extra = {}): Promise<BenchSpeaker> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const speaker = speakerAt(network, index, extra);
    try {
      await speaker.up();
      return speaker;
    } catch (error) {
      speaker.close();
      if (Date.now() > deadline) throw new Error(`no session\n${network.log.slice(-2000)}`, { cause: error });
      await delay(100);
    }
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function withDaemon(
  daemon: BenchDaemon,
  peers: number,
  measure: (network: BenchNetwork) => Promise<Measures>,
  writesKernel = false,
): Promise<Measures> {
  const network = new BenchNetwork(peers);
  try {
    daemon.start(network, writesKernel);
    return await measure(network);
  } finally {
    await network.close();
  }
}

/** How long single routes take from one peer to another while other routes are under way, until these are there. */
async function latenciesUntil(
  sender: BenchSpeaker,
  receiver: BenchSpeaker,
  { blocks: [block = 0], announce, withdraw }: RouteSet,
  isDone: (view: RoutingView) => boolean,
): Promise<number[]> {
  const samples: number[] = [];
  for (;;) {
    for (const [isThere, messages] of [
      [true, announce],
      [false, withdraw],
    ] as const) {
      const startMs = performance.now();
      sender.send(messages);
      samples.push((await receiver.until((view) => view.has(block) === isThere, timeoutMs)) - startMs);
    }
    if (isDone(receiver.view)) return samples;
  }
}

async function latency(sender: BenchSpeaker, receiver: BenchSpeaker, route: RouteSet): Promise<number> {
  const [block = 0] = route.blocks;
  const samples: number[] = [];
  for (let sample = 0; sample < latencySamples; sample++) {
    const startMs = performance.now();
    sender.send(sample % 2 === 0 ? route.announce : route.withdraw);
    const isThere = sample % 2 === 0;
    samples.push((await receiver.until((view) => view.has(block) === isThere, timeoutMs)) - startMs);
    await delay(2);
  }
  return median(samples);
}

/** One sender, one receiver, and a peer that comes late; the times of the comparison in the reference figures. */
export async function oneToOne(daemon: BenchDaemon, count: number): Promise<Measures> {
  return withDaemon(daemon, 3, async (network) => {
    const nextHop = parseIp(network.peerAddresses[0] ?? '');
    const routes = makeRoutes(count, 0, nextHop);
    const extra = makeRoutes(1, count, nextHop);
    const receiver = await connected(network, 1);
    await delay(300);
    const sender = await connected(network, 0);
    const speakers = [sender, receiver];
    try {
      const cpuBefore = network.cpuMs;
      const startMs = performance.now();
      sender.send(routes.announce);
      const convergeMs = (await receiver.until((view) => view.count === count, timeoutMs)) - startMs;
      await delay(200);
      const [cpuMs, peakMib, updates] = [network.cpuMs - cpuBefore, network.peakMib, receiver.view.updates];
      const latencyMs = await latency(sender, receiver, extra);
      const late = speakerAt(network, 2);
      speakers.push(late);
      await late.up();
      const lateStart = performance.now();
      const lateMs = (await late.until((view) => view.count === count, timeoutMs)) - lateStart;
      late.close();
      await delay(300);
      const withdrawStart = performance.now();
      sender.send(routes.withdraw);
      const withdrawMs = (await receiver.until((view) => view.count === 0, timeoutMs)) - withdrawStart;
      await delay(300);
      const againStart = performance.now();
      sender.send(routes.announce);
      const againMs = (await receiver.until((view) => view.count === count, timeoutMs)) - againStart;
      const prober = await connected(network, 2, { ignoresRoutes: true });
      speakers.push(prober);
      await delay(300);
      const underLoad: number[] = [];
      while (underLoad.length < latencySamples) {
        sender.send(routes.withdraw);
        underLoad.push(...(await latenciesUntil(prober, receiver, extra, (view) => view.count === 0)));
        sender.send(routes.announce);
        underLoad.push(...(await latenciesUntil(prober, receiver, extra, (view) => view.count === count)));
      }
      const loadedMs = median(underLoad);
      const silenceMs = Math.max(sender.longestSilenceMs, receiver.longestSilenceMs, prober.longestSilenceMs);
      return { convergeMs, againMs, withdrawMs, lateMs, latencyMs, loadedMs, cpuMs, peakMib, updates, silenceMs };
    } finally {
      for (const speaker of speakers) speaker.close();
    }
  });
}

/** Many clients of a route reflector, each with its share of the routes, all sending at once. */
export async function reflector(daemon: BenchDaemon, count: number, clients: number): Promise<Measures> {
  return withDaemon(daemon, clients, async (network) => {
    const share = count / clients;
    const speakers: BenchSpeaker[] = [];
    const sets = network.peerAddresses.map((address, index) => makeRoutes(share, index * share, parseIp(address)));
    const all = async (expected: number, messages: (set: RouteSet) => Uint8Array): Promise<number> => {
      const startMs = performance.now();
      for (const [index, set] of sets.entries()) speakers[index]?.send(messages(set));
      const ends = speakers.map((speaker) => speaker.until((view) => view.count === expected, timeoutMs));
      return Math.max(...(await Promise.all(ends))) - startMs;
    };
    try {
      for (const [index, { blocks }] of sets.entries()) speakers.push(await connected(network, index, { own: blocks }));
      const cpuBefore = network.cpuMs;
      const convergeMs = await all(count - share, ({ announce }) => announce);
      await delay(200);
      const [cpuMs, peakMib] = [network.cpuMs - cpuBefore, network.peakMib];
      const updates = speakers.reduce((sum, { view }) => sum + view.updates, 0);
      const withdrawMs = await all(0, ({ withdraw }) => withdraw);
      await delay(300);
      const againMs = await all(count - share, ({ announce }) => announce);
      const silenceMs = Math.max(...speakers.map(({ longestSilenceMs }) => longestSilenceMs));
      return { convergeMs, againMs, withdrawMs, cpuMs, peakMib, updates, silenceMs };
    } finally {
      for (const speaker of speakers) speaker.close();
    }
  });
}

/** When the kernel of the daemon's namespace comes to have so many routes. */
async function kernelHas(network: BenchNetwork, count: number): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  while (network.kernelRoutes !== count) {
    if (performance.now() > deadline) throw new Error(`${network.kernelRoutes} routes in the kernel`);
    await delay(1);
  }
  return performance.now();
}

/** One sender whose routes the daemon writes into the kernel, twice: the second time its code is warm. */
export async function kernelExport(daemon: BenchDaemon, count: number): Promise<Measures> {
  return withDaemon(
    daemon,
    1,
    async (network) => {
      const routes = makeRoutes(count, 0, parseIp(network.peerAddresses[0] ?? ''));
      const sender = await connected(network, 0);
      try {
        await delay(500);
        const before = network.kernelRoutes;
        const cpuBefore = network.cpuMs;
        const timed = async (messages: Uint8Array, expected: number): Promise<number> => {
          const startMs = performance.now();
          sender.send(messages);
          const tookMs = (await kernelHas(network, expected)) - startMs;
          await delay(300);
          return tookMs;
        };
        const kernelMs = await timed(routes.announce, before + count);
        const cpuMs = network.cpuMs - cpuBefore;
        const withdrawMs = await timed(routes.withdraw, before);
        const againMs = await timed(routes.announce, before + count);
        return { kernelMs, againMs, withdrawMs, cpuMs, peakMib: network.peakMib };
      } finally {
        sender.close();
      }
    },
    true,
  );
}
