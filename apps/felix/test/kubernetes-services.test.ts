import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesApi } from '@calico-node/kubernetes/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { relayInto } from './support/felix-process.ts';
import { canConnect, runIn } from './support/node-lab.ts';
import { StoreLab } from './support/store-lab.ts';

const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';
const SERVICES = '/api/v1/services';

const slice = (...addresses: readonly string[]) => ({
  metadata: { namespace: 'shop', name: 'web-x', labels: { 'kubernetes.io/service-name': 'web' } },
  ...{ addressType: 'IPv4', endpoints: addresses.map((address) => ({ addresses: [address] })), ports: [{ port: 80 }] },
});

describe('felix beside Kubernetes', () => {
  let lab: StoreLab;
  let directory: string;

  beforeEach(async () => {
    lab = await StoreLab.start();
    directory = mkdtempSync(join(tmpdir(), 'calico-felix-'));
  });

  afterEach(async () => {
    rmSync(directory, { recursive: true });
    await lab[Symbol.asyncDispose]();
  });

  it('changes nothing before it knows the endpoints that rules name by their service, and follows them', async () => {
    await using api = await KubernetesApi.start();
    const { node } = lab;
    const [a, b, c] = ['a', 'b', 'c'].map((name, index) =>
      node.addWorkload(name, `10.65.0.${index + 1}`, { byFelix: true }),
    );
    for (const [name, workload] of Object.entries({ a: a!, b: b!, c: c! })) await lab.applyEndpoint(workload, name);
    const services = { name: 'web', namespace: 'shop' };
    const egress = [{ action: 'Deny', destination: { services } }, { action: 'Allow' }];
    await lab.apply('GlobalNetworkPolicy', { name: 'not-to-web' }, { selector: "app == 'a'", egress });
    api.set(SLICES, slice(b!.address));

    await using felix = lab.startFelix({ KUBECONFIG: api.writeKubeconfig(join(directory, 'kubeconfig')) });
    await expect.poll(() => felix.output, { timeout: 20_000 }).toContain('has not told yet');
    expect(felix.httpGet('/readiness')).toContain('rules name services');
    expect(await canConnect(a!, c!.address, 80)).toBe(false);

    using _relay = await relayInto(node.netns, api.port);
    await felix.waitForEndpoint('a');
    expect(await canConnect(a!, b!.address, 80)).toBe(false);
    expect(await canConnect(a!, b!.address, 81)).toBe(true);
    expect(await canConnect(a!, c!.address, 80)).toBe(true);
    await expect.poll(() => api.watchers).toBe(1);
    api.set(SLICES, slice(c!.address));
    await expect.poll(() => canConnect(a!, b!.address, 80), { timeout: 10_000 }).toBe(true);
    expect(await canConnect(a!, c!.address, 80)).toBe(false);
    expect(api.asked).not.toContain(SERVICES);
    await felix.end('SIGTERM');
  });

  it('has the node answer for services’ addresses of its subnet', async () => {
    await using api = await KubernetesApi.start();
    using _relay = await relayInto(lab.node.netns, api.port);
    runIn(lab.node.netns, 'ip', 'address', 'add', 'fd16::1/64', 'dev', 'eth0', 'nodad');
    await lab.apply('Node', { name: 'node1' }, { bgp: { ipv4Address: '172.16.0.1/24', ipv6Address: 'fd16::1/64' } });
    await lab.apply('IPPool', { name: 'services' }, { cidr: 'fd16::/120', allowedUses: ['LoadBalancer'] });
    api.set(SERVICES, {
      metadata: { namespace: 'shop', name: 'web' },
      ...{ spec: { type: 'LoadBalancer' }, status: { loadBalancer: { ingress: [{ ip: 'fd16::60' }] } } },
    });
    await using felix = lab.startFelix({
      KUBECONFIG: api.writeKubeconfig(join(directory, 'kubeconfig')),
      FELIX_LOCALSUBNETL2REACHABILITY: 'PodsAndLoadBalancers',
    });
    const proxies = () => runIn(lab.node.netns, 'ip', '-6', 'neigh', 'show', 'proxy');
    await expect.poll(proxies, { timeout: 20_000 }).toContain('fd16::60');
    expect(api.asked).not.toContain(SLICES);
    await felix.end('SIGTERM');
  });
});
