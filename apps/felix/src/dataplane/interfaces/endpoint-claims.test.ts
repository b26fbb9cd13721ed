import { type Cidr, parseCidr } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { workloadEndpointIdOf, type WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { EndpointClaims } from './endpoint-claims.ts';

const names = ['a', 'b', 'c', 'd'];
const addresses = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32'].map((text) => parseCidr(text));
const identity = (name: string) => ({ orchestratorId: 'cni', workloadId: `default/${name}`, endpointId: 'eth0' });
const idOf = (name: string): WorkloadEndpointId => workloadEndpointIdOf(identity(name));

function endpoint(name: string, interfaceName: string, own: readonly Cidr[], adminUp = true): LocalWorkloadEndpoint {
  return {
    identity: identity(name),
    revision: 1n,
    adminUp,
    interfaceName,
    addresses: own,
    allowedSourcePrefixes: [],
    nats: [],
    tiers: [],
    profiles: [],
  };
}

/** The rule itself: everybody in the order of their ids takes what is left. */
function taken(world: ReadonlyMap<WorkloadEndpointId, LocalWorkloadEndpoint>): Record<string, WorkloadEndpointId> {
  const outcome: Record<string, WorkloadEndpointId> = {};
  for (const [id, { interfaceName, addresses: own, adminUp }] of [...world].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (outcome[interfaceName] !== undefined) continue;
    outcome[interfaceName] = id;
    if (adminUp) for (const address of own) outcome[address] ??= id;
  }
  return outcome;
}

function claimed(claims: EndpointClaims): Record<string, WorkloadEndpointId> {
  const outcome: Record<string, WorkloadEndpointId> = {};
  for (const name of claims.interfaces()) {
    const owner = claims.ownerOf(name);
    if (owner !== undefined) outcome[name] = owner.id;
  }
  for (const destination of claims.destinations()) {
    const holder = claims.holderOf(destination);
    if (holder !== undefined) outcome[destination] = holder.id;
  }
  return outcome;
}

const lossesOf = (claims: EndpointClaims, ids: Iterable<WorkloadEndpointId>): Map<WorkloadEndpointId, string> =>
  new Map(Array.from(ids, (id) => [id, claims.lossOf(id) ?? '']));

const step = fc.record({
  name: fc.constantFrom(...names),
  interfaceName: fc.constantFrom('cali1', 'cali2'),
  own: fc.subarray(addresses),
  adminUp: fc.boolean(),
  isRemoved: fc.boolean(),
});

describe('EndpointClaims', () => {
  test('gives every interface and address to the lowest id, after any history', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const world = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
        const claims = new EndpointClaims();
        for (const { name, interfaceName, own, adminUp, isRemoved } of steps) {
          const id = idOf(name);
          const before = claimed(claims);
          const lossesBefore = lossesOf(claims, world.keys());
          const now = isRemoved ? undefined : endpoint(name, interfaceName, own, adminUp);
          if (now === undefined) world.delete(id);
          else world.set(id, now);
          const { interfaces, destinations } = claims.set(id, now);
          const after = claimed(claims);
          expect(after).toEqual(taken(world));
          // Whatever changed hands was named.
          const named = new Set<string>([...interfaces, ...destinations]);
          for (const what of new Set([...Object.keys(before), ...Object.keys(after)])) {
            if (before[what] !== after[what]) expect(named).toContain(what);
          }
          // Whoever lost or regained something claims one of that.
          const claimants = new Set([
            ...[...interfaces].flatMap((name) => claims.claimantsOfInterface(name)),
            ...[...destinations].flatMap((destination) => claims.claimantsOfAddress(destination)),
          ]);
          for (const [other, loss] of lossesOf(claims, world.keys())) {
            if (loss !== lossesBefore.get(other)) expect(claimants).toContain(other);
          }
        }
      }),
    );
  });

  test('says what an endpoint lost, and to whom', () => {
    const claims = new EndpointClaims();
    const [first, second] = addresses;
    if (first === undefined || second === undefined) throw new Error('no addresses');
    claims.set(idOf('a'), endpoint('a', 'cali1', [first]));
    claims.set(idOf('b'), endpoint('b', 'cali1', [second]));
    claims.set(idOf('c'), endpoint('c', 'cali2', [second, first]));
    expect(claims.lossOf(idOf('a'))).toBeUndefined();
    expect(claims.lossOf(idOf('b'))).toBe(`interface cali1 belongs to ${idOf('a')}`);
    expect(claims.lossOf(idOf('c'))).toBe(`address ${first} belongs to ${idOf('a')}`);
    claims.set(idOf('a'), undefined);
    expect(claims.lossOf(idOf('b'))).toBeUndefined();
    expect(claims.lossOf(idOf('c'))).toBe(`address ${second} belongs to ${idOf('b')}`);
  });
});
