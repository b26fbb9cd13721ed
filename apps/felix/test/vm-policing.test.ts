/** What workloads send, limited where the kernel has no `ifb` devices: by the action `police`, with real packets. */
import { parseIp } from '@calico-node/net';
import { NetlinkError, RouteSocket } from '@calico-node/netlink';
import { addIngressQdisc, addPolicer, TrafficControlSocket } from '@calico-node/netlink/tc';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BandwidthLimit, Intent, LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import { BandwidthLimits } from '../src/dataplane/qos/bandwidth-limits.ts';
import { endpoint, removeEndpoint } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { encodeFrame, FrameSender } from './support/raw-packet.ts';

/** Whether this kernel has the action. */
function canPolice(): boolean {
  using lab = new NodeLab();
  using route = RouteSocket.open({ netns: lab.netns });
  using tc = TrafficControlSocket.open({ netns: lab.netns });
  const { index } = route.getLink('eth0')!;
  const error = tc
    .execute([addIngressQdisc(index), addPolicer(index, 1, 1, { rate: 1000, burst: 10_000 })])
    .find((one) => one instanceof NetlinkError);
  return error === undefined;
}

const isPossible = canPolice();
if (!isPossible) console.warn('skipped: policing with real packets: this kernel has no act_police; `make test-vm` has');

let stack: DisposableStack;
let lab: NodeLab;
let route: RouteSocket;
let tc: TrafficControlSocket;
let limits: BandwidthLimits;
const endpoints = new Map<string, LocalWorkloadEndpoint>();

beforeEach(() => {
  endpoints.clear();
  stack = new DisposableStack();
  lab = stack.use(new NodeLab());
  lab.addWorkload('1', '10.65.0.1');
  route = stack.use(RouteSocket.open({ netns: lab.netns }));
  tc = stack.use(TrafficControlSocket.open({ netns: lab.netns }));
  limits = open();
});

afterEach(() => {
  stack.dispose();
});

function open(isPolicing = true): BandwidthLimits {
  const nothing = (): void => undefined;
  const endpointOn = (name: string) => endpoints.get(name);
  const options = { netns: lab.netns, prefixes: ['cali'], isPolicing, endpointOn, onDirty: nothing, onRepair: nothing };
  return stack.use(new BandwidthLimits(options));
}

/** Limits what workload 1 sends, and gives what failed. */
function limit(bandwidth?: BandwidthLimit): readonly string[] {
  const egress = bandwidth === undefined ? {} : { bandwidth };
  return take(endpoint('1', '10.65.0.1', [], { limits: { ingress: {}, egress } }));
}

function take(intent: Intent): readonly string[] {
  if (intent.type === 'workload-endpoint-update') endpoints.set(intent.endpoint.interfaceName, intent.endpoint);
  else endpoints.clear();
  limits.update([intent]);
  return limits.apply();
}

const filters = () => tc.listIngressFilters(route.getLink('cali1')!.index);
const rates = (): (number | undefined)[] => filters().map(({ polices }) => polices?.rate);
const devices = (): string => runIn(lab.netns, 'ip', '-br', 'link');

test.skipIf(isPossible)('says that the kernel has nothing to limit with', () => {
  expect(limit({ rate: 8_000_000 })).toEqual([
    'from the workload on cali1: the kernel has neither ifb devices nor the action police (act_police)',
  ]);
});

describe.skipIf(!isPossible)('policing', () => {
  test('follows changes, is left alone when nothing changes, and goes without a trace', () => {
    expect(limit({ rate: 8_000_000 })).toEqual([]);
    expect(rates()).toEqual([1_000_000]);
    expect(limit({ rate: 800_000_000_000, burst: 80_000_000 })).toEqual([]);
    expect(rates()).toEqual([100_000_000_000]);
    const { writes } = limits;
    limits.resync();
    expect([limits.apply(), limits.writes]).toEqual([[], writes]);
    expect(devices()).not.toContain('bwcali');
    expect(take(removeEndpoint('1'))).toEqual([]);
    expect(runIn(lab.netns, 'tc', 'qdisc', 'show', 'dev', 'cali1')).not.toContain('ingress');
  });

  test('takes over what an earlier run left, and gives way to a device where there is one', async () => {
    limit({ rate: 8_000_000 });
    limits[Symbol.dispose]();
    limits = open();
    expect([limit({ rate: 8_000_000 }), limits.writes]).toEqual([[], 0]);
    limits[Symbol.dispose]();
    limits = open(false);
    expect(limit({ rate: 8_000_000 })).toEqual([]);
    expect([rates(), devices().includes('bwcali')]).toEqual([[undefined], true]);
    limits[Symbol.dispose]();
    limits = open();
    expect(limit({ rate: 8_000_000 })).toEqual([]);
    expect(rates()).toEqual([1_000_000]);
    await expect.poll(devices).not.toContain('bwcali');
  });

  test('puts right what somebody else took away', async () => {
    limit({ rate: 8_000_000 });
    runIn(lab.netns, 'tc', 'filter', 'del', 'dev', 'cali1', 'parent', 'ffff:');
    await expect
      .poll(() => {
        limits.apply();
        return rates();
      })
      .toEqual([1_000_000]);
  });

  test('lets through what it may and drops the rest', () => {
    const frames = 400;
    /** Sends frames of 1,414 bytes at once, most of it padding; gives how many the node took. */
    const send = (): number => {
      lab.nft(`table ip probe; delete table ip probe; table ip probe {
        counter passed { }
        chain seen { type filter hook prerouting priority -400; iifname cali1 udp dport 53 counter name passed; }
      }`);
      using inside = RouteSocket.open({ netns: `${lab.netns}-1` });
      using sender = new FrameSender(`${lab.netns}-1`, inside.getLink('eth0')!.index);
      const [source, destination] = [parseIp('10.65.0.1'), parseIp('172.16.0.254')];
      const ports = { protocol: 17, sourcePort: 1000, destinationPort: 53, conntrackState: 'new' } as const;
      const { mac } = route.getLink('cali1')!;
      const to = Uint8Array.from(mac!.split(':'), (text) => parseInt(text, 16));
      for (let id = 0; id < frames; id += 1) {
        const padded = new Uint8Array(1414);
        padded.set(encodeFrame({ family: 4, source, destination, ...ports }, to, id));
        sender.send(padded);
      }
      return Number(/packets (\d+)/.exec(lab.nft('list', 'counter', 'ip', 'probe', 'passed').join(' '))?.[1]);
    };
    expect(send()).toBe(frames);
    // The least burst has room for some 92 of them.
    expect(limit({ rate: 8000, burst: 8000 })).toEqual([]);
    const passed = send();
    expect(passed).toBeGreaterThan(50);
    expect(passed).toBeLessThan(frames / 2);
  });
});
