import type { KubernetesObject } from '@calico-node/kubernetes';
import { describe, expect, it } from 'vitest';
import { serviceFacts } from './service-facts.ts';

const service = (name: string, spec: KubernetesObject, status = {}): KubernetesObject => ({
  metadata: { namespace: 'shop', name },
  spec,
  status,
});

const slice = (of: string, addressType: string, endpoints: readonly KubernetesObject[]): KubernetesObject => ({
  metadata: { namespace: 'shop', name: `${of}-x`, labels: { 'kubernetes.io/service-name': of } },
  addressType,
  endpoints,
});

describe("Kubernetes' services", () => {
  it('have the families in which endpoints are ready, here and anywhere', () => {
    const services = [service('web', { type: 'NodePort', clusterIP: '10.96.0.1', externalTrafficPolicy: 'Local' })];
    const endpointSlices = [
      slice('web', 'IPv4', [{ nodeName: 'n1' }, { nodeName: 'n2', conditions: { ready: false } }]),
      slice('web', 'IPv6', [{ nodeName: 'n2', conditions: { ready: true } }]),
      slice('web', 'FQDN', [{ nodeName: 'n2' }]),
      slice('other', 'IPv4', [{ nodeName: 'n2' }]),
    ];
    expect(serviceFacts({ services, endpointSlices }, 'n2')).toEqual([
      {
        clusterIps: ['10.96.0.1'],
        externalIps: [],
        loadBalancerIps: [],
        isLocal: true,
        ready: [4, 6],
        readyHere: [6],
      },
    ]);
  });

  it('have all their addresses, those that can be read', () => {
    const spec = { type: 'LoadBalancer', clusterIPs: ['10.96.0.1', 'fd96::1'], externalIPs: ['8.8.8.8', 'nonsense'] };
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'lb.example' }] } };
    expect(serviceFacts({ services: [service('web', spec, status)], endpointSlices: [] }, 'n1')).toMatchObject([
      { clusterIps: ['10.96.0.1', 'fd96::1'], externalIps: ['8.8.8.8'], loadBalancerIps: ['192.0.2.1'] },
    ]);
  });

  it('without an address are left out, whatever else they are', () => {
    const services = [service('headless', { clusterIP: 'None' }), service('name', { type: 'ExternalName' }), {}];
    expect(serviceFacts({ services, endpointSlices: [{}] }, 'n1')).toMatchObject([{ clusterIps: [] }]);
  });
});
