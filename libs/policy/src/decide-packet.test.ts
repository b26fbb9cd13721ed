import { parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { decidePacket, type Attachment, type NodePolicy } from './decide-packet.ts';
import { hostEndpointOf } from './host-endpoints.ts';
import { worldOf } from './resource-world.ts';
import { host, nodePolicy, packet, resource, workload } from './testing/resources.ts';

const open = workload({}, ['projectcalico-default-allow']);
const from: Attachment = { type: 'workload', endpoint: open };
const eth0 = (endpoint?: ReturnType<typeof host>): Attachment =>
  endpoint === undefined
    ? { type: 'host-interface', interfaceName: 'eth0' }
    : { type: 'host-interface', interfaceName: 'eth0', endpoint };
const process: Attachment = { type: 'host' };
const nothing = worldOf([]);

const reasons = (
  world = nothing,
  path: { from: Attachment; to: Attachment; isForged?: boolean },
  more = packet(),
  node: NodePolicy = nodePolicy,
) => {
  const { verdict, steps } = decidePacket(world, node, path, more);
  return [verdict, ...steps.map(({ direction, stage, reason }) => `${direction} ${stage} ${reason.type}`)];
};

test('between workloads both ends must allow', () => {
  expect(reasons(nothing, { from, to: from })).toEqual(['allow', 'egress normal rule', 'ingress normal rule']);
  const shut: Attachment = { type: 'workload', endpoint: workload() };
  expect(reasons(nothing, { from, to: shut })).toEqual([
    'deny',
    'egress normal rule',
    'ingress normal no-profile-matched',
  ]);
  expect(reasons(nothing, { from: shut, to: from })).toEqual(['deny', 'egress normal no-profile-matched']);
  const unknown: Attachment = { type: 'unknown-workload', interfaceName: 'cali9' };
  expect(reasons(nothing, { from: unknown, to: from })).toEqual(['deny', 'egress normal unknown-workload']);
  expect(reasons(nothing, { from, to: unknown })).toEqual([
    'deny',
    'egress normal rule',
    'ingress normal unknown-workload',
  ]);
});

test('a workload may neither forge its source nor send tunnel packets', () => {
  expect(reasons(nothing, { from, to: from, isForged: true })).toEqual(['deny', 'egress normal forged-source']);
  const vxlan = packet({ protocol: 17, destinationPort: 4789 });
  expect(reasons(nothing, { from, to: eth0() }, vxlan)).toEqual(['deny', 'egress normal encapsulation']);
  expect(reasons(nothing, { from, to: eth0() }, packet({ protocol: 4 }))).toEqual([
    'deny',
    'egress normal encapsulation',
  ]);
});

test('what policy lets a workload send to its host meets the endpoint-to-host action', () => {
  expect(reasons(nothing, { from, to: process })[0]).toBe('deny');
  const accepting: NodePolicy = { ...nodePolicy, defaultEndpointToHostAction: 'ACCEPT' };
  expect(reasons(nothing, { from, to: process }, packet(), accepting)).toEqual([
    'allow',
    'egress normal rule',
    'egress normal endpoint-to-host',
  ]);
  const solicitation = {
    family: 6,
    source: parseIp('fd00::1'),
    destination: parseIp('fd00::2'),
    protocol: 58,
    icmpType: 135,
  } as const;
  expect(reasons(nothing, { from, to: process }, solicitation)).toEqual(['allow', 'egress normal essential-icmpv6']);
});

test('the host reaches its own workloads', () => {
  expect(reasons(nothing, { from: process, to: { type: 'workload', endpoint: workload() } })).toEqual(['allow']);
});

test('a host endpoint without policy and profiles denies all but failsafe ports and forwarded traffic', () => {
  const covered = eth0(host());
  expect(reasons(nothing, { from: covered, to: process })[0]).toBe('deny');
  expect(reasons(nothing, { from: process, to: covered })[0]).toBe('deny');
  expect(reasons(nothing, { from: covered, to: process }, packet({ destinationPort: 22 }))).toEqual([
    'allow',
    'ingress untracked failsafe',
    'ingress pre-dnat failsafe',
    'ingress normal failsafe',
  ]);
  expect(reasons(nothing, { from: process, to: covered }, packet({ protocol: 17, destinationPort: 53 }))[0]).toBe(
    'allow',
  );
  expect(reasons(nothing, { from: covered, to: covered })).toEqual([
    'allow',
    'ingress untracked no-policy',
    'ingress pre-dnat no-policy',
    'ingress forward no-policy',
    'egress forward no-policy',
  ]);
});

test('what pre-DNAT or untracked policy allows skips the host endpoint’s other policy, not the workload’s', () => {
  for (const flag of ['preDNAT', 'doNotTrack']) {
    const flags = { types: ['Ingress' as const], applyOnForward: true, selector: 'has(host)' };
    const world = worldOf([
      resource('GlobalNetworkPolicy', 'early', { ...flags, [flag]: true, ingress: [{ action: 'Allow' }] }),
      resource('GlobalNetworkPolicy', 'late', { ...flags, ingress: [{ action: 'Deny' }] }),
    ]);
    const covered = eth0(host({ host: '' }));
    expect(reasons(world, { from: covered, to: process })[0]).toBe('allow');
    expect(reasons(world, { from: covered, to: from }).at(-1)).toBe('ingress normal rule');
    expect(reasons(world, { from: covered, to: { type: 'workload', endpoint: workload() } })[0]).toBe('deny');
  }
});

test('answers to failsafe ports pass untracked policy, which knows no connections', () => {
  const world = worldOf([
    resource('GlobalNetworkPolicy', 'raw', {
      types: ['Ingress', 'Egress'],
      applyOnForward: true,
      doNotTrack: true,
      ingress: [{ action: 'Deny' }],
      egress: [{ action: 'Deny' }],
    }),
  ]);
  const answer = packet({ sourcePort: 22, destinationPort: 30000 });
  expect(reasons(world, { from: process, to: eth0(host()) }, answer)[1]).toBe('egress untracked failsafe');
  expect(reasons(world, { from: process, to: eth0(host()) })[1]).toBe('egress untracked rule');
});

test('an interface belongs to the host endpoint that names it, that expects its address, or that takes all', () => {
  const of = (name: string, spec: object) => resource('HostEndpoint', name, { node: 'n', ...spec });
  const named = of('named', { interfaceName: 'eth0' });
  const expecting = of('expecting', { expectedIPs: ['10.0.0.9'] });
  const all = of('all', { interfaceName: '*' });
  const eth1 = { name: 'eth1', addresses: [parseIp('10.0.0.9')] };
  expect(hostEndpointOf([all, named, expecting], { name: 'eth0', addresses: [] })).toBe(named);
  expect(hostEndpointOf([all, named, expecting], eth1)).toBe(expecting);
  expect(hostEndpointOf([all, named], eth1)).toBe(all);
  expect(hostEndpointOf([named], eth1)).toBeUndefined();
});
