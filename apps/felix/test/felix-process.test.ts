import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { parseResource, workloadEndpointName, type Kind } from '@calico-node/model';
import { parseIp } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { callUnary, felixV1 } from '@calico-node/rpc';
import { parseSelector } from '@calico-node/selector';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectorSetId } from '../src/calc/ip-set.ts';
import { encodeAnnouncement } from '../src/dataplane/interfaces/announcement.ts';
import { ipSetName } from '../src/rules/names.ts';
import { FelixProcess, relayInto } from './support/felix-process.ts';
import { canConnect, NodeLab, runIn, type Workload } from './support/node-lab.ts';
import { FrameSender } from './support/raw-packet.ts';

/** A packet filter that the process can be told to drive. */
interface Filter {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** How its metrics begin. */
  readonly metrics: string;
  /** Everything of ours in it but the counters. */
  listing(netns: string): string;
  flush(netns: string): void;
}

const filters: readonly Filter[] = [
  {
    name: 'nftables',
    env: { FELIX_LIVEMIGRATIONROUTECONVERGENCETIME: '0.5' },
    metrics: 'felix_nft',
    listing: (netns) => runIn(netns, 'nft', '-s', 'list', 'ruleset'),
    flush: (netns) => runIn(netns, 'nft', 'flush', 'ruleset'),
  },
  // What others do to the legacy variant's tables nobody tells: they are read every second here.
  ...(['legacy', 'nft'] as const).map((variant) => ({
    name: `iptables-${variant}`,
    env: { FELIX_NFTABLESMODE: 'Disabled', FELIX_IPTABLESBACKEND: variant, FELIX_IPTABLESREFRESHINTERVAL: '1' },
    metrics: 'felix_iptables',
    listing: (netns: string) =>
      `${runIn(netns, `iptables-${variant}-save`)}${runIn(netns, 'ipset', 'save')}`.replaceAll(
        /\[\d+:\d+\]|^#.*$|initval \S+/gm,
        '',
      ),
    flush: (netns: string) => {
      runIn(netns, `iptables-${variant}`, '-F', 'FORWARD');
    },
  })),
];

describe.for(filters)('felix with $name', (filter) => {
  let lab: NodeLab;
  let etcd: EtcdProcess;
  let relay: Disposable;
  let backend: Backend;
  let resources: Resources;
  let felix: FelixProcess;
  let a: Workload;
  let b: Workload;

  beforeAll(async () => {
    lab = new NodeLab();
    a = lab.addWorkload('a', '10.65.0.1', { byFelix: true });
    b = lab.addWorkload('b', '10.65.0.2', { byFelix: true });
    etcd = await startEtcd();
    relay = await relayInto(lab.netns, etcd.port);
    backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints.join(',') } }));
    resources = new Resources(backend);
    await resources.ensureInitialized({});
    felix = new FelixProcess(lab.netns, {
      ETCD_ENDPOINTS: `http://127.0.0.1:${etcd.port}`,
      FELIX_ENDPOINTREPORTINGENABLED: 'true',
      FELIX_REPORTINGINTERVALSECS: '0.5',
      ...filter.env,
    });
    // As of one that was killed while it verified a flow.
    runIn(lab.netns, 'ip', ...'link add caliprb0 type veth peer name caliprb1'.split(' '));
    felix.start();
  });

  afterAll(async () => {
    await felix[Symbol.asyncDispose]();
    backend.close();
    relay[Symbol.dispose]();
    await etcd.stop();
    lab[Symbol.dispose]();
  });

  /** Writes a resource; gives its store revision. */
  async function apply(kind: Kind, metadata: object, spec: object): Promise<bigint> {
    const resource = parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec });
    const { metadata: stored } = await resources.apply(resource);
    return BigInt(stored.resourceVersion ?? 0);
  }

  const nameOf = (workload: string): string =>
    workloadEndpointName({ node: 'node1', orchestrator: 'k8s', pod: workload, endpoint: 'eth0' });

  function applyEndpoint(workload: Workload, name: string): Promise<bigint> {
    return apply(
      'WorkloadEndpoint',
      { name: nameOf(name), namespace: 'default', labels: { app: name } },
      {
        orchestrator: 'k8s',
        node: 'node1',
        pod: name,
        endpoint: 'eth0',
        interfaceName: workload.interfaceName,
        ipNetworks: [`${workload.address}/32`],
        profiles: ['projectcalico-default-allow'],
      },
    );
  }

  /** Workload b takes connections on this port alone, from a. */
  function applyPolicy(port: number): Promise<bigint> {
    return apply(
      'GlobalNetworkPolicy',
      { name: 'to-b' },
      {
        selector: "app == 'b'",
        types: ['Ingress'],
        ingress: [
          { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'a'" }, destination: { ports: [port] } },
        ],
      },
    );
  }

  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) await delay(20);
  }

  const readiness = (): string => felix.httpGet('/readiness');

  describe('the process', () => {
    it('takes away the interfaces that one left which was killed as it verified a flow', async () => {
      await felix.status();
      expect(runIn(lab.netns, 'ip', '-br', 'link')).not.toContain('caliprb');
    });

    it('opens the way to workloads once they are in the store, and says so', async () => {
      await until(() => felix.status().then(({ inSync }) => inSync));
      expect(await canConnect(a, b.address, 80)).toBe(false);
      const revision = await applyEndpoint(a, 'a');
      await applyEndpoint(b, 'b');
      expect(await felix.waitForEndpoint('a', revision)).toMatchObject({ state: felixV1.EndpointState.UP });
      expect(await felix.waitForEndpoint('b')).toMatchObject({ state: felixV1.EndpointState.UP });
      // The workload asked for its gateway's address in vain before, and asks again only after a second.
      await until(() => canConnect(a, b.address, 80));
      // Protocol boot is the one that ip does not name.
      expect(runIn(lab.netns, 'ip', 'route')).toContain('10.65.0.2 dev calib scope link metric 1024');
      expect(readdirSync(join(felix.runDir, 'endpoint-status')).sort()).toEqual([
        'k8s default%2Fa eth0',
        'k8s default%2Fb eth0',
      ]);
      const key = '/calico/felix/v2/no-region/host/node1/workload/k8s/default%2fa/endpoint/eth0';
      await until(async () => (await backend.get(key))?.value === '{"status":"up"}');
      expect(JSON.parse(readiness())).toMatchObject({ ok: true });
    });

    it('puts a policy in force, and tells when the kernel had it', async () => {
      const before = BigInt(Date.now()) * 1_000_000n;
      const revision = await applyPolicy(80);
      const { appliedRevision, appliedUnixNanos } = await felix.waitForRevision(revision);
      expect(appliedRevision).toBeGreaterThanOrEqual(revision);
      expect(appliedUnixNanos).toBeGreaterThan(before - 1_000_000_000n);
      expect(await canConnect(a, b.address, 80)).toBe(true);
      expect(await canConnect(a, b.address, 81)).toBe(false);
      await felix.waitForRevision(await applyPolicy(81));
      expect(await canConnect(a, b.address, 80)).toBe(false);
      expect(await canConnect(a, b.address, 81)).toBe(true);
    });

    it('counts a revision as applied that asks nothing of the kernel', async () => {
      const { kernelWrites } = await felix.status();
      const revision = await apply('GlobalNetworkPolicy', { name: 'for-nobody' }, { selector: "app == 'nobody'" });
      await felix.waitForRevision(revision);
      expect((await felix.status()).kernelWrites).toBe(kernelWrites);
    });

    it('tells the route that the kernel has for a workload', async () => {
      const request = { address: b.address };
      const { entry, answer } = await callUnary(felix.client.lookUpRoute.bind(felix.client), request, {
        timeoutMs: 20_000,
      });
      expect(entry).toMatchObject({ destination: `${b.address}/32`, type: 'unicast', protocol: 3, metric: 1024 });
      expect(answer?.nextHops).toEqual(entry?.nextHops);
      await expect(
        callUnary(felix.client.lookUpRoute.bind(felix.client), { address: 'no' }, { timeoutMs: 20_000 }),
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('explains what it does with a flow, as the kernel does it', async () => {
      const explain = (destinationPort: number): Promise<felixV1.ExplainFlowResponse> => {
        const flow = {
          from: 'default/a',
          to: b.address,
          protocol: 6,
          sourcePort: 0,
          destinationPort,
          icmpType: 0,
          icmpCode: 0,
          sentTo: '',
        };
        return callUnary(felix.client.explainFlow.bind(felix.client), flow, { timeoutMs: 20_000 });
      };
      expect(await explain(81)).toMatchObject({
        allowed: true,
        steps: [
          { direction: 'egress' },
          { reason: 'rule', rule: { kind: 'GlobalNetworkPolicy', name: 'to-b', index: 0 } },
        ],
      });
      expect(await explain(80)).toMatchObject({
        allowed: false,
        steps: [{}, { reason: 'tier-default', tiers: [{ name: 'default', outcome: 'Deny' }] }],
      });
      expect(await canConnect(a, b.address, 81)).toBe(true);
      expect(await canConnect(a, b.address, 80)).toBe(false);
    });

    it('verifies a flow with a packet that it puts through the kernel', async () => {
      const flow = { from: 'a', to: 'b', protocol: 6, sourcePort: 0, icmpType: 0, icmpCode: 0, sentTo: '' };
      const verify = (destinationPort: number, more: object = {}) =>
        callUnary(
          felix.client.verifyFlow.bind(felix.client),
          { flow: { ...flow, destinationPort, ...more } },
          { timeoutMs: 20_000 },
        );
      const [allowed, denied] = await Promise.all([verify(81), verify(80)]);
      expect(allowed).toMatchObject({ kernel: 'allow', expected: 'allow', half: 'whole', packetFilter: filter.name });
      expect(allowed).toMatchObject({ enteredBy: 'calia', leavesBy: 'calib', gap: '' });
      const owner = { ownerKind: 'GlobalNetworkPolicy', ownerName: 'to-b', direction: 'ingress' };
      expect(allowed.rules).toContainEqual(expect.objectContaining(owner));
      expect(denied).toMatchObject({ kernel: 'deny', expected: 'deny' });
      expect(denied.rules.at(-1)).toMatchObject({ verdict: 'drop', ownerName: 'default/b' });
      await expect(verify(80, { from: '172.16.0.7', to: '172.16.0.9' })).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
      });
      await expect(verify(80, { from: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('explains an endpoint with what the kernel has of it', async () => {
      const explain = (name: string) =>
        callUnary(felix.client.explainEndpoint.bind(felix.client), { name }, { timeoutMs: 20_000 });
      const answer = await explain('b');
      for (const name of ['calib', 'default/b', nameOf('b'), `default/${nameOf('b')}`])
        expect(await explain(name)).toEqual(answer);
      expect(answer.revision).toBeGreaterThan(0n);
      expect(answer).toMatchObject({
        endpoint: { interfaceName: 'calib', state: felixV1.EndpointState.UP },
        labels: { app: 'b' },
        tiers: [{ name: 'default', policies: [{ name: 'to-b', directions: ['ingress'], staged: false }] }],
        profiles: [{ name: 'projectcalico-default-allow', revision: '', missing: false }],
        routes: [{ address: `${b.address}/32`, leadsToIt: true }],
      });
      expect(answer.tiers[0]?.policies[0]?.revision).toMatch(/^\d+$/);
      expect(answer.chains).toHaveLength(4);
      for (const { missing, rules, family } of answer.chains)
        if (family === 4) expect([missing, rules > 2]).toEqual([false, true]);
      expect(answer.missing).toEqual([]);
      await expect(explain('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('says what an endpoint lacks in the kernel, and on which node another one is', async () => {
      const explain = (name: string) =>
        callUnary(felix.client.explainEndpoint.bind(felix.client), { name }, { timeoutMs: 20_000 });
      const ghost = { netns: '', interfaceName: 'calighost', address: '10.65.0.77' };
      await felix.waitForRevision(await applyEndpoint(ghost, 'ghost'));
      const { endpoint, missing } = await explain('ghost');
      expect(endpoint).toMatchObject({ state: felixV1.EndpointState.DOWN });
      expect(missing).toEqual([
        'the interface: there is no calighost on this host: whoever attaches the workload makes it',
        'a route for 10.65.0.77/32 to calighost',
      ]);
      const remote = workloadEndpointName({ node: 'node2', orchestrator: 'k8s', pod: 'far', endpoint: 'eth0' });
      const spec = {
        orchestrator: 'k8s',
        node: 'node2',
        pod: 'far',
        endpoint: 'eth0',
        interfaceName: 'califar',
        ipNetworks: ['10.65.1.1/32'],
      };
      await felix.waitForRevision(await apply('WorkloadEndpoint', { name: remote, namespace: 'default' }, spec));
      await expect(explain('far')).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: expect.stringContaining('of node "node2": ask there') as string,
      });
      for (const name of [nameOf('ghost'), remote]) await resources.delete('WorkloadEndpoint', name, 'default');
    });

    it('explains a host endpoint with the interfaces that it covers and its chains', async () => {
      const explain = (name: string) =>
        callUnary(felix.client.explainEndpoint.bind(felix.client), { name }, { timeoutMs: 20_000 });
      runIn(lab.netns, 'ip', 'link', 'add', 'spare', 'type', 'bridge');
      await apply('HostEndpoint', { name: 'spare', labels: { host: 'h' } }, { node: 'node1', interfaceName: 'spare' });
      const revision = await apply('HostEndpoint', { name: 'none' }, { node: 'node1', expectedIPs: ['192.0.2.1'] });
      await felix.waitForRevision(revision);
      const answer = await explain('spare');
      expect(answer).toMatchObject({
        hostEndpoint: { name: 'spare', interfaceName: 'spare', interfaces: ['spare'] },
        labels: { host: 'h' },
        missing: [],
      });
      const stages = answer.chains.filter(({ family }) => family === 4).map((it) => `${it.stage} ${it.direction}`);
      expect(stages).toEqual([
        'pre-dnat ingress',
        'normal ingress',
        'normal egress',
        'forward ingress',
        'forward egress',
      ]);
      expect((await explain('none')).missing).toEqual([
        'an interface that it covers: none has one of the addresses 192.0.2.1, or another endpoint covers it',
      ]);
      for (const name of ['spare', 'none']) await resources.delete('HostEndpoint', name);
      runIn(lab.netns, 'ip', 'link', 'delete', 'spare');
    });

    it('tells the connections that the kernel knows', async () => {
      const ends = `-s ${a.address} -d ${b.address} --sport 5000 --dport 81`.split(' ');
      runIn(lab.netns, 'conntrack', '-I', '-p', 'udp', '-t', '60', ...ends);
      const { node, connections, leftOff } = await callUnary(
        felix.client.listConnections.bind(felix.client),
        {},
        { timeoutMs: 20_000 },
      );
      expect({ node, leftOff }).toEqual({ node: 'node1', leftOff: 0 });
      const known = { protocol: 17, source: a.address, destination: b.address, destinationPort: 81 };
      expect(connections).toContainEqual(expect.objectContaining(known));
    });

    it('puts back within moments what others take away', async () => {
      const repairs = (): number => {
        const text = felix.httpGet('/metrics');
        return Number(new RegExp(`^${filter.metrics}_repairs (\\d+)`, 'm').exec(text)?.[1]);
      };
      const repairsBefore = repairs();
      const shown = () => filter.listing(lab.netns).length;
      const full = shown();
      filter.flush(lab.netns);
      await until(() => shown() === full);
      await until(() => repairs() > repairsBefore);
      runIn(lab.netns, 'ip', 'route', 'del', '10.65.0.2', 'dev', 'calib', 'metric', '1024');
      await until(() => runIn(lab.netns, 'ip', 'route').includes('10.65.0.2 dev calib'));
      expect(await canConnect(a, b.address, 81)).toBe(true);
    });

    it('measures under Calico’s names what it has in the kernel and how long that took', async () => {
      const metric = (name: string, labels = ''): number => {
        const line = new RegExp(`^${name}${labels} (.*)$`, 'm').exec(felix.httpGet('/metrics'));
        return Number(line?.[1] ?? NaN);
      };
      await until(() => metric('felix_store_delay_seconds') > 0);
      const table = filter.metrics === 'felix_nft' ? 'calico' : 'filter';
      expect(metric(`${filter.metrics}_chains`, `{ip_version="4",table="${table}"}`)).toBeGreaterThan(5);
      expect(metric(`${filter.metrics}_rules`, `{ip_version="6",table="${table}"}`)).toBeGreaterThan(5);
      expect(metric('felix_route_table_num_routes', '{table="main"}')).toBe(2);
      expect(metric('felix_route_table_num_ifaces', '{table="main"}')).toBe(2);
      const positive = [
        'felix_int_dataplane_initial_resync_time_seconds',
        'felix_apply_latency_seconds_count',
        'felix_route_table_resync_seconds_count',
        'felix_int_dataplane_addr_msg_batch_size_count',
        'felix_int_dataplane_iface_msg_batch_size_count',
        'felix_active_local_selectors',
        ...(filter.metrics === 'felix_nft'
          ? ['felix_nft_calls', 'felix_nft_set_calls', 'felix_nft_list_calls']
          : ['felix_exec_time_micros_count', 'felix_ipset_calls', 'felix_ipset_lines_executed', 'felix_ipsets_total']),
      ];
      expect(positive.filter((name) => !(metric(name) > 0))).toEqual([]);
    });

    it('leaves the kernel as it is when it is killed and started again', async () => {
      const before = filter.listing(lab.netns);
      await felix.end('SIGKILL');
      expect(await canConnect(a, b.address, 81)).toBe(true);
      felix.start();
      await felix.waitForEndpoint('b');
      expect(await felix.status()).toMatchObject({ inSync: true, kernelWrites: 0n });
      expect(filter.listing(lab.netns)).toEqual(before);
      expect(await canConnect(a, b.address, 80)).toBe(false);
    });

    if (filter.metrics === 'felix_iptables') {
      it('is not ready, and keeps the old policy, while the kernel refuses the new one', async () => {
        const set = ipSetName(selectorSetId(parseSelector("app == 'nobody'")), 4);
        const holding = ['OUTPUT', '-m', 'set', '--match-set', set, 'dst', '-j', 'DROP'];
        runIn(lab.netns, 'ipset', 'create', set, 'hash:ip');
        runIn(lab.netns, filter.name, '-A', ...holding);
        const source = { selector: "app == 'nobody'" };
        const deny = { selector: "app == 'b'", types: ['Ingress'], ingress: [{ action: 'Allow', source }] };
        const revision = await apply('GlobalNetworkPolicy', { name: 'to-b' }, deny);
        await until(() => readiness().includes('"ok":false'));
        expect(readiness()).toContain('dataplane');
        expect(await canConnect(a, b.address, 81)).toBe(true);
        expect(await canConnect(a, b.address, 80)).toBe(false);
        runIn(lab.netns, filter.name, '-D', ...holding);
        await felix.waitForRevision(revision);
        expect(await canConnect(a, b.address, 81)).toBe(false);
        await until(() => readiness().includes('"ok":true'));
        await felix.waitForRevision(await applyPolicy(81));
      });
    }

    it('keeps policy and serves on while etcd is away, and catches up', async () => {
      await etcd.kill9();
      await until(() => readiness().includes('"ok":false'));
      const { components } = JSON.parse(readiness()) as { components: { name: string; ok: boolean; reason: string }[] };
      expect(components.filter(({ ok }) => !ok)).toMatchObject([{ name: 'datastore' }]);
      expect(components.find(({ ok }) => !ok)?.reason).not.toBe('');
      expect((await felix.waitForEndpoint('b')).state).toBe(felixV1.EndpointState.UP);
      expect(await canConnect(a, b.address, 81)).toBe(true);
      expect(await canConnect(a, b.address, 80)).toBe(false);
      await etcd.restart();
      await felix.waitForRevision(await applyPolicy(80));
      expect(await canConnect(a, b.address, 80)).toBe(true);
      await until(() => readiness().includes('"ok":true'));
    });

    if (filter.name === 'nftables') {
      it('logs as much as its configuration says, at once and without starting over', async () => {
        await apply('FelixConfiguration', { name: 'default' }, { logSeverityScreen: 'Debug' });
        await until(() => felix.output.includes('"logLevel":"debug"'));
        await apply('FelixConfiguration', { name: 'default' }, { logSeverityScreen: 'Info' });
        await until(() => felix.output.includes('"logLevel":"info"'));
        expect(felix.output.slice(felix.output.indexOf('"logLevel":"debug"'))).not.toContain('starting over');
      });

      it('has no route to a machine that is on its way here, and one before others’ when it has come', async () => {
        const key = '/calico/resources/v3/projectcalico.org/livemigrations/default/move';
        const identity = { hostname: 'node1', orchestratorID: 'k8s', workloadID: 'default/b', endpointID: 'eth0' };
        const spec = { target: { workloadEndpoint: identity } };
        const route = () => runIn(lab.netns, 'ip', 'route', 'show', b.address);
        await backend.put(key, JSON.stringify({ kind: 'LiveMigration', metadata: { name: 'move' }, spec }));
        await until(() => route() === '');
        using socket = RouteSocket.open({ netns: b.netns });
        const { index, mac } = socket.getLink('eth0')!;
        using sender = new FrameSender(b.netns, index);
        await until(() => {
          // As machines do, more than once.
          sender.send(encodeAnnouncement(parseIp(b.address), mac!));
          return route().includes('metric 512');
        });
        await felix.end('SIGKILL');
        felix.start();
        await felix.waitForEndpoint('b');
        expect(route()).toContain('metric 512');
        await backend.delete(key);
        await until(() => !route().includes('metric 512'));
        expect(route()).toContain('metric 1024');
      });

      it('goes over to iptables, and back, when its configuration says so', async () => {
        const legacyRules = (): string => runIn(lab.netns, 'iptables-legacy-save');
        const hasTables = (): boolean => lab.nft('list', 'tables').some((line) => line.includes('calico'));
        await felix.waitForRevision(await applyPolicy(81));
        await apply('FelixConfiguration', { name: 'default' }, { nftablesMode: 'Disabled', iptablesBackend: 'Legacy' });
        await until(() => legacyRules().includes('cali-tw-calib') && !hasTables());
        expect(await canConnect(a, b.address, 81)).toBe(true);
        expect(await canConnect(a, b.address, 80)).toBe(false);
        await apply('FelixConfiguration', { name: 'default' }, {});
        await until(() => hasTables() && !legacyRules().includes('cali'));
        await felix.waitForRevision(await applyPolicy(80));
        expect(await canConnect(a, b.address, 80)).toBe(true);
        expect(await canConnect(a, b.address, 81)).toBe(false);
        expect(runIn(lab.netns, 'ipset', 'list', '-n')).toBe('');
      });
    }

    it('leaves nothing of a workload that is gone', async () => {
      await resources.delete('WorkloadEndpoint', nameOf('b'), 'default');
      await until(() => !filter.listing(lab.netns).includes('calib'));
      await until(() => !runIn(lab.netns, 'ip', 'route').includes('calib'));
      await until(() => readdirSync(join(felix.runDir, 'endpoint-status')).length === 1);
      const listing = filter.listing(lab.netns);
      expect(listing).not.toContain('gnp/to-b');
      expect(listing).not.toContain('cali40s');
      expect(await canConnect(a, b.address, 80)).toBe(false);
    });
  });
});
