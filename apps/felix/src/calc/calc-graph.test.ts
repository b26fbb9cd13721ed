import { parseNodeName } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from './calc-graph.ts';
import { policiesOf } from './intents.ts';
import { IntentMirror } from './testing/intent-mirror.ts';
import { deleted, stored, storedEndpoint } from './testing/resources.ts';

/** A graph of `node1` in sync, with a dataplane that follows it. */
function started(...updates: readonly StoreUpdate[]) {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const mirror = new IntentMirror();
  for (const update of updates) graph.update(update);
  graph.onInSync();
  mirror.apply(graph.flush());
  const send = (...more: readonly StoreUpdate[]) => {
    for (const update of more) graph.update(update);
    const batch = graph.flush();
    mirror.apply(batch);
    return batch;
  };
  return { graph, mirror, send };
}

const allow = [{ action: 'Allow' }] as const;
const profile = stored('Profile', { name: 'p' }, { ingress: allow, egress: allow, labelsToApply: { env: 'prod' } });
const web = storedEndpoint({ workload: 'web', labels: { app: 'web' }, spec: { profiles: ['p'] } }, 3n);
const client = storedEndpoint({
  workload: 'client',
  node: 'node2',
  labels: { app: 'client' },
  spec: {
    ipNetworks: ['10.0.0.2/32'],
    ports: [{ name: 'http', protocol: 'TCP', port: 8080, hostPort: 0, hostIP: '' }],
  },
});
const webId = 'k8s/default%2fweb/eth0';

function policy(name: string, spec: Parameters<typeof stored<'GlobalNetworkPolicy'>>[2]) {
  return stored('GlobalNetworkPolicy', { name }, { types: ['Ingress'], ...spec });
}

const fromClients = policy('from-clients', {
  selector: 'app == "web"',
  ingress: [{ action: 'Allow', source: { selector: 'app == "client"' } }],
});

function setMembers({ mirror }: { readonly mirror: IntentMirror }, prefix: string): readonly string[] {
  return [...mirror.sets].filter(([id]) => id.startsWith(prefix)).flatMap(([, { members }]) => [...members].sort());
}

describe('before in-sync', () => {
  test('says nothing, however much it has heard', () => {
    const graph = new CalcGraph({ hostname: parseNodeName('node1') });
    for (const update of [profile, web, fromClients]) graph.update(update);
    expect(graph.flush()).toEqual({ revision: 3n, intents: [], warnings: [] });
  });

  test('in-sync is said once, last, with the first batch', () => {
    const { graph, send } = started(web);
    graph.onInSync();
    expect(send(client).intents.map(({ type }) => type)).not.toContain('in-sync');
  });

  test('an empty store gives the fixed sets, the configuration and in-sync', () => {
    const graph = new CalcGraph({ hostname: parseNodeName('node1') });
    graph.onInSync();
    expect(graph.flush().intents.map(({ type }) => type)).toEqual([
      'config-update',
      'encapsulation-update',
      'ip-set-update',
      'ip-set-update',
      'ip-set-update',
      'ip-set-update',
      'in-sync',
    ]);
  });
});

describe('endpoints', () => {
  test('only those of this host are announced', () => {
    const { mirror } = started(profile, web, client);
    expect([...mirror.endpoints.keys()]).toEqual([webId]);
    expect(mirror.endpoints.get(webId)).toMatchObject({
      interfaceName: 'caliweb',
      revision: 3n,
      addresses: ['10.0.0.1/32'],
      profiles: ['p'],
      tiers: [],
    });
  });

  test('one without addresses is not ready, so it is not announced', () => {
    const { mirror, send } = started(profile, web);
    send(storedEndpoint({ workload: 'web', spec: { ipNetworks: [] } }));
    expect(mirror.endpoints.size).toBe(0);
  });

  test('of two that name one interface the lower id has it until it goes', () => {
    const other = storedEndpoint({ workload: 'awol', spec: { interfaceName: 'caliweb' } });
    const { mirror, send } = started(profile, web);
    send(other);
    expect([...mirror.endpoints.keys()]).toEqual(['k8s/default%2fawol/eth0']);
    send(deleted(other));
    expect([...mirror.endpoints.keys()]).toEqual([webId]);
  });

  test('an unreadable value counts as a deletion, and is reported', () => {
    const { mirror, send } = started(profile, web);
    const batch = send({ key: web.key, value: '{"spec": 1}', revision: 9n });
    expect(batch.warnings).toMatchObject([{ code: 'invalid-value', subject: web.key, revision: 9n }]);
    expect(batch.revision).toBe(9n);
    expect(mirror.endpoints.size).toBe(0);
  });

  test('an endpoint that asks for other source addresses is none, unless that is allowed', () => {
    const asking = storedEndpoint({ workload: 'web', spec: { allowSpoofedSourcePrefixes: ['192.0.2.0/24'] } });
    const { mirror, send } = started(profile, web);
    expect(send(asking).warnings).toMatchObject([{ code: 'invalid-value', subject: asking.key }]);
    expect(mirror.endpoints.size).toBe(0);
    const free = new CalcGraph({ hostname: parseNodeName('node1'), allowsSpoofing: true });
    free.update(asking);
    expect(free.flush().warnings).toEqual([]);
  });

  test('an interface name that the kernel would not take is refused', () => {
    const { send } = started();
    const batch = send(storedEndpoint({ workload: 'evil', spec: { interfaceName: '../../x' } }));
    expect(batch.warnings.map(({ code }) => code)).toEqual(['invalid-value']);
  });

  test.each([
    { action: 'allow' },
    { action: 'Allow', protocol: 'ICMP', icmp: { type: 255 } },
    { action: 'Allow', protocol: 'ICMP', notICMP: { type: 8, code: -1 } },
  ])('so is a rule of what cannot be: %j', (wrong) => {
    const { send } = started();
    const batch = send(policy('wrong', { ingress: [wrong as never] }));
    expect(batch.warnings.map(({ code }) => code)).toEqual(['invalid-value']);
  });

  test('so is the interface of a host endpoint, where it is not all of them', () => {
    const { send } = started();
    const of = (interfaceName: string) => stored('HostEndpoint', { name: 'h' }, { node: 'node1', interfaceName });
    expect(send(of('eth0 -j ACCEPT')).warnings.map(({ code }) => code)).toEqual(['invalid-value']);
    expect(send(of('*')).warnings).toEqual([]);
    expect(send(of('bond0.100')).warnings).toEqual([]);
  });
});

describe('policies', () => {
  test('are active only while they select a local endpoint, and their sets only while they are active', () => {
    const { mirror, send } = started(profile, client, fromClients);
    expect(mirror.policies.size).toBe(0);
    expect(setMembers({ mirror }, 's:')).toEqual([]);
    send(web);
    expect([...mirror.policies.keys()]).toEqual(['gnp/from-clients']);
    expect(setMembers({ mirror }, 's:')).toEqual(['10.0.0.2/32']);
    send(deleted(web));
    expect(mirror.policies.size).toBe(0);
    expect([...mirror.sets.keys()].filter((id) => id.startsWith('s:'))).toEqual([]);
  });

  test('apply by tier order, then policy order, then name', () => {
    const names = (mirror: IntentMirror) =>
      mirror.endpoints.get(webId)?.tiers.map(({ name, ingress }) => [name, policiesOf(ingress)]);
    const { mirror, send } = started(
      profile,
      web,
      stored('Tier', { name: 'default' }, { order: 1_000_000, defaultAction: 'Deny' }),
      stored('Tier', { name: 'first' }, { order: 10, defaultAction: 'Pass' }),
      policy('z', { order: 1 }),
      policy('b', {}),
      policy('a', {}),
      policy('t', { tier: 'first' }),
    );
    expect(names(mirror)).toEqual([
      ['first', ['gnp/t']],
      ['default', ['gnp/z', 'gnp/a', 'gnp/b']],
    ]);
    send(policy('b', { order: 0 }), stored('Tier', { name: 'first' }, { order: 2_000_000, defaultAction: 'Deny' }));
    expect(names(mirror)).toEqual([
      ['default', ['gnp/b', 'gnp/z', 'gnp/a']],
      ['first', ['gnp/t']],
    ]);
  });

  test('see the labels that an endpoint inherits from its profiles', () => {
    const { mirror, send } = started(profile, web, policy('prod', { selector: 'env == "prod"' }));
    expect([...mirror.policies.keys()]).toEqual(['gnp/prod']);
    send(stored('Profile', { name: 'p' }, { ingress: allow, egress: allow }));
    expect(mirror.policies.size).toBe(0);
  });

  test('of the host kind (preDNAT, doNotTrack) do not apply to workloads', () => {
    const { mirror } = started(profile, web, policy('raw', { doNotTrack: true, applyOnForward: true }));
    expect(mirror.endpoints.get(webId)?.tiers).toEqual([]);
  });

  test('in a tier that does not exist deny what they leave undecided', () => {
    const { mirror } = started(profile, web, policy('lost', { tier: 'nowhere' }));
    expect(mirror.endpoints.get(webId)?.tiers).toMatchObject([{ name: 'nowhere', defaultAction: 'Deny' }]);
  });

  test('a change of rules is announced without the endpoint', () => {
    const { send } = started(profile, web, fromClients);
    const batch = send(policy('from-clients', { selector: 'app == "web"', ingress: allow }));
    expect(batch.intents.map(({ type }) => type)).toEqual(['policy-update', 'ip-set-remove']);
  });

  test('rules that cannot be programmed take the policy out, with a warning', () => {
    const broken = policy('from-clients', {
      selector: 'app == "web"',
      ingress: [{ action: 'Deny', destination: { ports: [80] } }],
    });
    const { mirror, send } = started(profile, web, fromClients);
    expect(send(broken).warnings).toMatchObject([
      { code: 'invalid-value', message: expect.stringContaining('ports') as string },
    ]);
    expect(mirror.policies.size).toBe(0);
  });
});

describe('IP sets', () => {
  test('change by exactly the members that come and go', () => {
    const { send } = started(profile, web, client, fromClients);
    const batch = send(
      storedEndpoint({
        workload: 'c2',
        node: 'node3',
        labels: { app: 'client' },
        spec: { ipNetworks: ['10.0.0.3/32', 'fd00::3/128'] },
      }),
    );
    expect(batch.intents).toMatchObject([{ type: 'ip-set-delta', added: ['10.0.0.3/32', 'fd00::3/128'], removed: [] }]);
    expect(send(deleted(client)).intents).toMatchObject([
      { type: 'ip-set-delta', added: [], removed: ['10.0.0.2/32'] },
    ]);
  });

  test('keep a member as long as one of its carriers is left', () => {
    const twin = storedEndpoint({
      workload: 'twin',
      node: 'node3',
      labels: { app: 'client' },
      spec: { ipNetworks: ['10.0.0.2/32'] },
    });
    const { send } = started(profile, web, client, twin, fromClients);
    expect(send(deleted(client)).intents).toEqual([]);
    expect(send(deleted(twin)).intents).toMatchObject([{ type: 'ip-set-delta', removed: ['10.0.0.2/32'] }]);
  });

  test('that come back within a batch are not announced anew', () => {
    const { send } = started(profile, web, client, fromClients);
    expect(send(deleted(fromClients), fromClients).intents.filter(({ type }) => type.startsWith('ip-set'))).toEqual([]);
  });

  test('hold network sets and host endpoints too', () => {
    const state = started(
      profile,
      web,
      fromClients,
      stored('GlobalNetworkSet', { name: 'nets', labels: { app: 'client' } }, { nets: ['192.168.0.0/16', '1.2.3.4'] }),
      stored('HostEndpoint', { name: 'h', labels: { app: 'client' } }, { node: 'node9', expectedIPs: ['172.16.0.9'] }),
    );
    expect(setMembers(state, 's:')).toEqual(['1.2.3.4/32', '172.16.0.9/32', '192.168.0.0/16']);
  });

  test('a namespaced network set carries its namespace', () => {
    const state = started(
      profile,
      web,
      stored('NetworkSet', { name: 'nets', namespace: 'ns1' }, { nets: ['192.168.0.0/16'] }),
      stored('Profile', { name: 'kns.ns1' }, { labelsToApply: { 'pcns.env': 'prod' } }),
      policy('ns', { ingress: [{ action: 'Allow', source: { namespaceSelector: 'env == "prod"' } }] }),
    );
    expect(setMembers(state, 's:')).toEqual(['192.168.0.0/16']);
  });

  test('name the endpoints with a named port', () => {
    const state = started(
      profile,
      web,
      client,
      policy('named', {
        ingress: [{ action: 'Allow', protocol: 'TCP', destination: { selector: 'app == "client"', ports: ['http'] } }],
      }),
    );
    expect(setMembers(state, 'n:')).toEqual(['10.0.0.2,tcp:8080']);
    expect(setMembers(state, 's:')).toEqual([]);
  });

  test('hold who is in Istio’s ambient mesh, where that is asked for', () => {
    const graph = new CalcGraph({ hostname: parseNodeName('node1'), hasAmbientMesh: true });
    const mode = 'istio.io/dataplane-mode';
    graph.update(stored('Profile', { name: 'kns.mesh' }, { labelsToApply: { [`pcns.${mode}`]: 'ambient' } }));
    const pod = (number: number, profile: string, labels: Record<string, string>) =>
      storedEndpoint({
        ...{ workload: `w${number}`, labels, node: 'node2' },
        spec: { profiles: [profile], ipNetworks: [`10.0.0.${number}/32`] },
      });
    for (const update of [
      pod(1, 'kns.mesh', {}),
      pod(2, 'kns.mesh', { [mode]: 'none' }),
      pod(3, 'kns.other', { [mode]: 'ambient' }),
      pod(4, 'kns.other', {}),
    ])
      graph.update(update);
    graph.onInSync();
    const mirror = new IntentMirror().apply(graph.flush());
    expect(setMembers({ mirror }, 'all-istio')).toEqual(['10.0.0.1/32', '10.0.0.3/32']);
    expect(setMembers(started(), 'all-istio')).toEqual([]);
  });

  test('hold pools and hosts', () => {
    const { mirror, send } = started(
      stored('IPPool', { name: 'nat' }, { cidr: '10.0.0.0/16', natOutgoing: true }),
      stored('IPPool', { name: 'plain' }, { cidr: '10.1.0.0/16' }),
      stored('IPPool', { name: 'lb' }, { cidr: '10.2.0.0/16', allowedUses: ['LoadBalancer'] }),
      stored('Node', { name: 'node2' }, { bgp: { ipv4Address: '172.16.0.2/24' } }),
    );
    expect([...(mirror.sets.get('masq-ipam-pools')?.members ?? [])]).toEqual(['10.0.0.0/16']);
    expect([...(mirror.sets.get('network-ip-pools')?.members ?? [])].sort()).toEqual(['10.0.0.0/16', '10.1.0.0/16']);
    expect([...(mirror.sets.get('all-hosts-net')?.members ?? [])]).toEqual(['172.16.0.2/32']);
    expect(mirror.hosts.get('node2')).toMatchObject({ ipv4: '172.16.0.2', ipv4Subnet: '172.16.0.0/24' });
    send(deleted(stored('IPPool', { name: 'nat' }, { cidr: '10.0.0.0/16' })));
    expect(mirror.sets.get('masq-ipam-pools')?.members.size).toBe(0);
  });
});

describe('profiles', () => {
  test('one that nobody defined denies everything, and is reported', () => {
    const { graph, mirror } = started();
    graph.update(web);
    const batch = graph.flush();
    mirror.apply(batch);
    expect(batch.warnings).toMatchObject([{ code: 'missing-profile', subject: 'p' }]);
    expect(mirror.profiles.get('p')?.ingress).toMatchObject([{ action: 'deny' }]);
  });

  test('its definition replaces that', () => {
    const { mirror, send } = started(web);
    send(profile);
    expect(mirror.profiles.get('p')?.ingress).toMatchObject([{ action: 'allow' }]);
  });

  test('the one that allows everything needs no definition', () => {
    const { mirror } = started(storedEndpoint({ workload: 'x', spec: { profiles: ['projectcalico-default-allow'] } }));
    expect(mirror.profiles.get('projectcalico-default-allow')?.egress).toMatchObject([{ action: 'allow' }]);
  });
});

test('configuration is passed on at in-sync and when it changes, for this host only', () => {
  const { mirror, send } = started(stored('FelixConfiguration', { name: 'default' }, { logSeverityScreen: 'Debug' }));
  expect(mirror.config?.global?.spec.logSeverityScreen).toBe('Debug');
  expect(send(stored('FelixConfiguration', { name: 'node.node2' }, {})).intents).toEqual([]);
  send(stored('FelixConfiguration', { name: 'node.node1' }, { logSeverityScreen: 'Info' }));
  expect(mirror.config?.node?.spec.logSeverityScreen).toBe('Info');
});
