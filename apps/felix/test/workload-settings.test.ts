import { randomBytes } from 'node:crypto';
import { parseCidr, parseIp } from '@calico-node/net';
import {
  addRoute,
  createNetns,
  createVeth,
  deleteNetns,
  readSysctl,
  routeProtocol,
  RouteSocket,
  setLink,
  writeSysctl,
} from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import { WorkloadInterfaces } from '../src/dataplane/interfaces/workload-interfaces.ts';
import { endpoint } from './support/intents.ts';

let netns: string;
let interfaces: WorkloadInterfaces;

function update(name: string, address: string, more: Partial<LocalWorkloadEndpoint> = {}): void {
  const intent = endpoint(name, address, [], more);
  interfaces.update(intent.id, intent.endpoint);
  expect(interfaces.withdraw()).toEqual([]);
  interfaces.establish();
}

const read = (name: string): string => readSysctl(`net/${name}`, { netns });

beforeEach(() => {
  netns = `cnt-${randomBytes(5).toString('hex')}`;
  createNetns(netns);
  writeSysctl('net/ipv4/conf/default/rp_filter', '1', { netns });
  using socket = RouteSocket.open({ netns });
  for (const name of ['a', 'b']) {
    socket.apply([
      createVeth({ name: `cali${name}`, peer: { name: `p${name}` } }),
      setLink({ name: `cali${name}`, up: true }),
      setLink({ name: `p${name}`, up: true }),
    ]);
  }
  const metric = { 4: 1024, 6: 1024 };
  interfaces = new WorkloadInterfaces({
    ...{ netns, prefixes: ['cali'], ipv6: false, routeProtocol: 3, metric },
    onDirty: () => undefined,
  });
});

afterEach(() => {
  interfaces.close();
  deleteNetns(netns);
});

describe('the settings of workload interfaces', () => {
  test('have no reverse path filter where an endpoint may use other sources, for as long as it may', () => {
    const filters = (): string[] => ['a', 'b'].map((name) => read(`ipv4/conf/cali${name}/rp_filter`));
    update('b', '10.65.0.2');
    const allowedSourcePrefixes = [parseCidr('192.0.2.0/24')];
    update('a', '10.65.0.1', { allowedSourcePrefixes });
    expect(filters()).toEqual(['0', '1']);
    update('a', '10.65.0.1');
    expect(filters()).toEqual(['1', '1']);
    update('a', '10.65.0.1', { allowedSourcePrefixes });
    expect(filters()).toEqual(['0', '1']);
  });

  test('take no router advertisements, also where IPv6 is left alone', () => {
    writeSysctl('net/ipv6/conf/calia/accept_ra', '2', { netns });
    update('a', '10.65.0.1');
    expect([read('ipv6/conf/calia/accept_ra'), read('ipv6/conf/calia/forwarding')]).toEqual(['0', '0']);
  });
});

describe('routes of BGP over workload interfaces', () => {
  test('stay where the workload is a peer of the node, and nowhere else', () => {
    using socket = RouteSocket.open({ netns });
    const led = (): string[] =>
      socket
        .listRoutes({ family: 4 })
        .filter(({ protocol }) => protocol === routeProtocol.bird)
        .map(({ destination }) => destination);
    update('a', '10.65.0.1', { peeringAddresses: [parseIp('169.254.0.179')] });
    update('b', '10.65.0.2');
    socket.apply(
      ['a', 'b'].map((name, index) => {
        const interfaceIndex = socket.getLink(`cali${name}`)?.index ?? 0;
        const destination = parseCidr(`198.51.${100 + index}.0/24`);
        return addRoute({ destination, interfaceIndex, protocol: routeProtocol.bird });
      }),
    );
    interfaces.resync();
    expect(interfaces.withdraw()).toEqual([]);
    expect(led()).toEqual(['198.51.100.0/24']);
    // The sessions are over: so is what they brought, at the next look.
    update('a', '10.65.0.1');
    interfaces.resync();
    expect(interfaces.withdraw()).toEqual([]);
    expect(led()).toEqual([]);
  });
});
