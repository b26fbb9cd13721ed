import { resourceKey } from '@calico-node/model';
import { parseNodeName } from '@calico-node/net';
import { Rule, type ToDataplane } from '@calico-node/rpc/policy-sync';
import { describe, expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../calc/calc-graph.ts';
import { workloadEndpointIdOf } from '../calc/endpoint-id.ts';
import type { IpSetUpdate } from '../calc/intents.ts';
import type { IpSetId } from '../calc/ip-set.ts';
import { deleted, stored, storedEndpoint } from '../calc/testing/resources.ts';
import { MAX_MEMBERS, setPayloads } from './ip-set-messages.ts';
import { SyncSession } from './sync-session.ts';
import { SyncState } from './sync-state.ts';

type Payload = NonNullable<ToDataplane['payload']>;

const webId = workloadEndpointIdOf({ orchestratorId: 'k8s', workloadId: 'default/web', endpointId: 'eth0' });

/** A graph of `node1`, and what it says kept for proxies. */
function node(...updates: readonly StoreUpdate[]) {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const state = new SyncState({
    policy: ({ kind, name, namespace }) => graph.storedRules(resourceKey(kind, name, namespace)),
    profile: (name) => graph.storedRules(resourceKey('Profile', name)),
  });
  const send = (...more: readonly StoreUpdate[]): void => {
    for (const update of more) graph.update(update);
    state.take(graph.flush().intents);
  };
  send(...updates);
  const sync = (): void => {
    graph.onInSync();
    send();
  };
  return { state, send, sync };
}

const heardBy = (session: SyncSession): readonly Payload[] => [...session.payloads()];
const kindsOf = (payloads: readonly Payload[]): readonly string[] => payloads.map(({ $case }) => $case);

type Told = { [P in Payload as P['$case']]: P['value'] };

/** The one payload of a kind. */
function only<K extends keyof Told>(payloads: readonly Payload[], kind: K): Told[K] {
  const found = payloads.filter(({ $case }) => $case === kind);
  expect(found).toHaveLength(1);
  return found[0]!.value as Told[K];
}

const allow = [{ action: 'Allow' }] as const;
const profile = stored('Profile', { name: 'p' }, { ingress: allow, egress: allow });
const web = storedEndpoint({ workload: 'web', labels: { app: 'web' }, spec: { profiles: ['p'] } });
const other = storedEndpoint({ workload: 'other', labels: { app: 'other' }, spec: { ipNetworks: ['10.0.0.9/32'] } });
const client = (address: string): StoreUpdate =>
  storedEndpoint({
    workload: 'client',
    node: 'node2',
    labels: { app: 'client' },
    spec: { ipNetworks: [`${address}/32`] },
  });
const fromClients = stored(
  'NetworkPolicy',
  { name: 'from-clients', namespace: 'default' },
  {
    selector: 'app == "web"',
    types: ['Ingress'],
    ingress: [
      {
        action: 'Allow',
        protocol: 'TCP',
        http: { methods: ['GET'], paths: [{ prefix: '/public' }, { exact: '/' }] },
        source: {
          selector: 'app == "client"',
          namespaceSelector: 'env == "prod"',
          serviceAccounts: { names: ['api'], selector: 'team == "a"' },
        },
        destination: { ports: [80, '8000:8100'] },
      },
      { action: 'Pass', ipVersion: 4, icmp: { type: 8 }, protocol: 'ICMP', source: { nets: ['10.0.0.0/8'] } },
    ],
  },
);
const simple = stored(
  'GlobalNetworkPolicy',
  { name: 'simple' },
  {
    selector: 'app == "web"',
    types: ['Ingress'],
    ingress: [{ action: 'Allow', source: { selector: 'app == "client"' } }],
  },
);

describe('a proxy that joins', () => {
  test('hears of its endpoint after what that refers to, then that this is all', () => {
    const { state, sync } = node(profile, web, other, simple, client('10.0.0.2'));
    sync();
    const payloads = heardBy(new SyncSession(state, webId));
    expect(kindsOf(payloads)).toEqual([
      'ipsetUpdate',
      'activePolicyUpdate',
      'activeProfileUpdate',
      'workloadEndpointUpdate',
      'inSync',
    ]);
    const id = { kind: 'GlobalNetworkPolicy', name: 'simple', namespace: '' };
    expect(only(payloads, 'activePolicyUpdate').id).toEqual(id);
    expect(only(payloads, 'ipsetUpdate').members).toEqual(['10.0.0.2/32']);
    expect(only(payloads, 'workloadEndpointUpdate')).toMatchObject({
      id: { orchestratorId: 'k8s', workloadId: 'default/web', endpointId: 'eth0' },
      endpoint: {
        state: 'active',
        ipv4Nets: ['10.0.0.1/32'],
        profileIds: ['p'],
        tiers: [{ name: 'default', defaultAction: 'Deny', ingressPolicies: [id], egressPolicies: [] }],
      },
    });
  });

  test('waits for its endpoint, and for the store', () => {
    const { state, send, sync } = node(profile);
    const session = new SyncSession(state, webId);
    expect(heardBy(session)).toEqual([]);
    sync();
    expect(kindsOf(heardBy(session))).toEqual(['inSync']);
    send(web);
    expect(kindsOf(heardBy(session))).toEqual(['activeProfileUpdate', 'workloadEndpointUpdate']);
  });

  test('hears of what only it can see to, as the policy has it', () => {
    const { state, sync } = node(profile, web, fromClients);
    sync();
    const { policy } = only(heardBy(new SyncSession(state, webId)), 'activePolicyUpdate');
    const [http, ping] = policy?.inboundRules ?? [];
    expect(policy).toMatchObject({ namespace: 'default', originalSelector: 'app == "web"', outboundRules: [] });
    expect(http).toMatchObject({
      action: 'allow',
      protocol: { numberOrName: { $case: 'name', value: 'tcp' } },
      srcIpSetIds: [expect.stringMatching(/^s:/)],
      originalSrcSelector: 'app == "client"',
      originalSrcNamespaceSelector: 'env == "prod"',
      srcServiceAccountMatch: { names: ['api'], selector: 'team == "a"' },
      dstPorts: [
        { first: 80, last: 80 },
        { first: 8000, last: 8100 },
      ],
      httpMatch: {
        methods: ['GET'],
        paths: [{ pathMatch: { $case: 'prefix', value: '/public' } }, { pathMatch: { $case: 'exact', value: '/' } }],
      },
    });
    expect(ping).toEqual(
      Rule.fromPartial({
        action: 'next-tier',
        ipVersion: 4,
        protocol: { numberOrName: { $case: 'name', value: 'icmp' } },
        icmp: { $case: 'icmpType', value: 8 },
        srcNet: ['10.0.0.0/8'],
      }),
    );
  });
});

describe('a proxy that is in sync', () => {
  test('hears of changed members alone', () => {
    const { state, send, sync } = node(profile, web, simple, client('10.0.0.2'));
    sync();
    const session = new SyncSession(state, webId);
    const first = only(heardBy(session), 'ipsetUpdate');
    send(client('10.0.0.3'));
    expect(heardBy(session)).toEqual([
      { $case: 'ipsetDeltaUpdate', value: { id: first.id, addedMembers: ['10.0.0.3/32'], removedMembers: [] } },
      { $case: 'ipsetDeltaUpdate', value: { id: first.id, addedMembers: [], removedMembers: ['10.0.0.2/32'] } },
    ]);
    expect(heardBy(session)).toEqual([]);
  });

  test('hears the whole of a set that changed more than once while it did not listen', () => {
    const { state, send, sync } = node(profile, web, simple, client('10.0.0.2'));
    sync();
    const session = new SyncSession(state, webId);
    heardBy(session);
    send(client('10.0.0.3'));
    send(client('10.0.0.4'));
    const payloads = heardBy(session);
    expect(kindsOf(payloads)).toEqual(['ipsetUpdate']);
    expect(only(payloads, 'ipsetUpdate').members).toEqual(['10.0.0.4/32']);
  });

  test('forgets what its endpoint no longer has, after it has heard so', () => {
    const { state, send, sync } = node(profile, web, simple, client('10.0.0.2'));
    sync();
    const session = new SyncSession(state, webId);
    heardBy(session);
    send(deleted(simple));
    expect(kindsOf(heardBy(session))).toEqual(['workloadEndpointUpdate', 'activePolicyRemove', 'ipsetRemove']);
  });

  test('hears nothing of what is not its own', () => {
    const { state, send, sync } = node(profile, web);
    sync();
    const session = new SyncSession(state, webId);
    heardBy(session);
    send(other, client('10.0.0.2'));
    send(stored('GlobalNetworkPolicy', { name: 'theirs' }, { selector: 'app == "other"', ingress: allow }));
    expect(heardBy(session)).toEqual([]);
  });

  test('is done when its endpoint goes', () => {
    const { state, send, sync } = node(profile, web);
    sync();
    const session = new SyncSession(state, webId);
    heardBy(session);
    expect(session.isOver).toBe(false);
    send(deleted(web));
    expect(kindsOf(heardBy(session))).toEqual(['workloadEndpointRemove']);
    expect(session.isOver).toBe(true);
  });

  test('hears of all namespaces and service accounts, by the labels that they have themselves', () => {
    const { state } = node();
    const profileOf = (labelsToApply: Record<string, string>) => ({
      ...({ kind: 'Profile', apiVersion: 'projectcalico.org/v3', metadata: { name: 'x' } } as const),
      spec: { labelsToApply },
    });
    expect(state.setProfile('p', profileOf({}))).toBe(false);
    expect(state.setProfile('kns.prod', profileOf({ 'pcns.env': 'prod', plain: 'x' }))).toBe(true);
    const session = new SyncSession(state, webId);
    const id = { namespace: 'prod', name: 'api.v2' };
    expect(state.setProfile('ksa.prod.api.v2', profileOf({ 'pcsa.team': 'a' }))).toBe(true);
    session.touch('ksa.prod.api.v2');
    expect(heardBy(session)).toEqual([
      { $case: 'namespaceUpdate', value: { id: { name: 'prod' }, labels: { env: 'prod', plain: 'x' } } },
      { $case: 'serviceAccountUpdate', value: { id, labels: { team: 'a' } } },
    ]);
    state.setProfile('ksa.prod.api.v2', undefined);
    state.setProfile('kns.other', undefined);
    for (const name of ['ksa.prod.api.v2', 'kns.other']) session.touch(name);
    expect(heardBy(session)).toEqual([{ $case: 'serviceAccountRemove', value: { id } }]);
  });
});

test('a set too large for one message comes in several', () => {
  const set: IpSetUpdate = { type: 'ip-set-update', id: 's:x' as IpSetId, kind: 'net', members: [] };
  const members = new Set(Array.from({ length: MAX_MEMBERS + 1 }, (_, index) => String(index)));
  const lastChange = { from: NaN, added: [], removed: [] };
  const payloads = [...setPayloads({ ...set, members, version: 1, lastChange }, undefined)];
  expect(kindsOf(payloads)).toEqual(['ipsetUpdate', 'ipsetDeltaUpdate']);
  expect(only(payloads, 'ipsetUpdate').members).toHaveLength(MAX_MEMBERS);
  expect(only(payloads, 'ipsetDeltaUpdate').addedMembers).toEqual([String(MAX_MEMBERS)]);
});
