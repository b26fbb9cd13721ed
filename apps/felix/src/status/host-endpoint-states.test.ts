import { parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import type { HostEndpointId } from '../calc/endpoint-id.ts';
import type { Intent } from '../calc/intents.ts';
import { HostEndpointStates } from './host-endpoint-states.ts';

const idOf = (name: string) => name as HostEndpointId;
const hep = (name: string, interfaceName: string, ...expectedIps: string[]): Intent => ({
  type: 'host-endpoint-update',
  id: idOf(name),
  endpoint: {
    name,
    revision: 1n,
    interfaceName,
    expectedIps: expectedIps.map((ip) => parseIp(ip)),
    tiers: [],
    forwardTiers: [],
    untrackedTiers: [],
    preDnatTiers: [],
    profiles: [],
  },
});
const gone = (name: string): Intent => ({ type: 'host-endpoint-remove', id: idOf(name) });
const found = (name: string, ...addresses: string[]): Intent => ({
  type: 'host-interface-update',
  name,
  addresses: addresses.map((ip) => parseIp(ip)),
});

test('is up, down, or in error as its interfaces are', () => {
  const up = new Map([
    ['eth0', true],
    ['eth1', false],
    ['eth2', true],
  ]);
  const states = new HostEndpointStates({ isUp: (name) => up.get(name) });
  const changes = () => states.changesTo(states.snapshot());
  expect(changes()).toEqual([]);
  states.take([found('eth0', '10.0.0.1'), found('eth1', '10.0.0.2'), found('eth2', '10.0.0.3', 'fd00::3')]);
  states.take([hep('a', 'eth0'), hep('b', 'eth1'), hep('c', 'eth7'), hep('d', '*')]);
  states.take([
    hep('e', '', '10.0.0.9'),
    hep('f', '', 'fd00::3'),
    hep('g', 'eth0'),
    hep('h', '', '10.0.0.2', '10.0.0.3'),
  ]);
  expect(changes()).toEqual([
    { name: 'a', status: 'up' },
    { name: 'b', status: 'down' },
    { name: 'c', status: 'error' },
    { name: 'd', status: 'up' },
    { name: 'e', status: 'error' },
    { name: 'f', status: 'up' },
    // Others have what it would cover.
    { name: 'g', status: 'error' },
    { name: 'h', status: 'error' },
  ]);
  expect(changes()).toEqual([]);
  expect(states.count).toBe(8);
  up.set('eth1', true).set('eth2', false).set('eth7', true);
  states.take([gone('a')]);
  expect(changes()).toEqual([
    { name: 'a', status: undefined },
    { name: 'b', status: 'up' },
    { name: 'c', status: 'up' },
    { name: 'f', status: 'down' },
    { name: 'g', status: 'up' },
  ]);
});

test('is down when any of several interfaces is', () => {
  const states = new HostEndpointStates({ isUp: (name) => name !== 'eth1' });
  states.take([found('eth0', '10.0.0.1'), found('eth1', '10.0.0.2'), found('eth2', '10.0.0.3')]);
  states.take([hep('a', '', '10.0.0.1', '10.0.0.2', '10.0.0.3')]);
  expect([...states.snapshot()]).toEqual([['a', 'down']]);
});
