import { parseIp, parseMac } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { expect, it } from 'vitest';
import type { WorkloadEndpointId } from '../src/calc/endpoint-id.ts';
import { encodeAnnouncement } from '../src/dataplane/interfaces/announcement.ts';
import { MigrationRouting, type Moves } from '../src/dataplane/interfaces/migration-routing.ts';
import { WorkloadInterfaces } from '../src/dataplane/interfaces/workload-interfaces.ts';
import { endpoint, endpointId } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { FrameSender } from './support/raw-packet.ts';

const moving = (...targets: WorkloadEndpointId[]): Moves => ({ targets: new Set(targets), isSource: () => false });

it('a virtual machine that moves here gets its route once it runs here, before others’ until they have heard', async () => {
  using lab = new NodeLab();
  let arrivals = 0;
  const guest = lab.addWorkload('a', '10.65.0.1', { byFelix: true });
  const id = endpointId('a');
  const open = (convergenceSeconds: number): MigrationRouting =>
    new MigrationRouting({
      netns: lab.netns,
      convergenceSeconds,
      isElevated: (addresses) => interfaces.isElevated(addresses),
      onRouting: (changed) => {
        interfaces.reroute(changed);
        apply();
      },
      onArrival: () => {
        arrivals += 1;
      },
    });
  let routing = open(3600);
  using interfaces = new WorkloadInterfaces({
    netns: lab.netns,
    prefixes: ['cali'],
    ipv6: false,
    routeProtocol: 3,
    metric: { 4: 1024, 6: 1024 },
    elevatedMetric: { 4: 512, 6: 512 },
    routing: (each) => routing.routing(each),
    onDirty: () => undefined,
  });
  const apply = (): void => {
    expect(interfaces.withdraw()).toEqual([]);
    interfaces.establish();
    routing.apply();
  };
  const metrics = () =>
    runIn(lab.netns, 'ip', 'route', 'show', '10.65.0.1')
      .split('\n')
      .flatMap((line) => /metric (\d+)/.exec(line)?.[1] ?? []);
  const intent = endpoint('a', '10.65.0.1');
  const announce = (address: string): void => {
    using socket = RouteSocket.open({ netns: guest.netns });
    using sender = new FrameSender(guest.netns, socket.getLink('eth0')!.index);
    sender.send(encodeAnnouncement(parseIp(address), parseMac('ee:00:00:00:00:01')));
  };
  try {
    routing.update([intent]);
    interfaces.update(id, intent.endpoint);
    routing.setMoves(moving(id));
    apply();
    expect(metrics()).toEqual([]);
    await expect.poll(() => interfaces.stateOf(id)).toEqual({ state: 'up' });
    announce('10.65.0.99');
    announce('10.65.0.1');
    await expect.poll(metrics).toEqual(['512']);

    // A Felix that is started again finds it living here.
    routing[Symbol.dispose]();
    routing = open(3600);
    routing.setMoves(moving(id));
    routing.update([intent]);
    apply();
    expect(metrics()).toEqual(['512']);
    routing.setMoves(moving());
    expect(metrics()).toEqual(['512']);

    // It moves on: the host that it moves to now must go before this one.
    routing.setMoves({ targets: new Set(), isSource: (each) => each === id });
    expect(metrics()).toEqual(['1024']);
    routing.setMoves(moving());
    expect(metrics()).toEqual(['1024']);
    routing[Symbol.dispose]();

    // One that nobody hears of, and a short time to settle.
    routing = open(0.01);
    routing.update([intent]);
    interfaces.reroute(id);
    apply();
    expect(metrics()).toEqual(['1024']);
    routing.setMoves(moving(id));
    expect(metrics()).toEqual([]);
    routing.setMoves(moving());
    await expect.poll(metrics).toEqual(['1024']);

    // A move to an endpoint that goes is none to one of the same name that comes later, until it begins.
    routing.setMoves(moving(id));
    expect(metrics()).toEqual([]);
    routing.update([{ type: 'workload-endpoint-remove', id }]);
    routing.setMoves(moving());
    routing.update([intent]);
    expect(metrics()).toEqual(['1024']);
    // Announced, found after the start, over, and over without an announcement.
    expect(arrivals).toBe(4);
  } finally {
    routing[Symbol.dispose]();
  }
});
