import { parseCidr, parseIp } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import { serviceAddresses, type ServiceFacts } from './services.ts';

const ranges = {
  cluster: [parseCidr('10.96.0.0/12'), parseCidr('fd96::/108')],
  external: [parseCidr('198.51.100.0/25'), parseCidr('203.0.113.7/32')],
  loadBalancer: [parseCidr('192.0.2.0/24'), parseCidr('203.0.113.8/32')],
  aggregatesLoadBalancerIps: true,
};

function service(facts: Partial<ServiceFacts>): ServiceFacts {
  return {
    clusterIps: ['10.96.0.1', '172.31.0.1', 'fd96::1'].map(parseIp),
    externalIps: ['198.51.100.1', '8.8.8.8', '203.0.113.7'].map(parseIp),
    loadBalancerIps: ['192.0.2.1', '203.0.113.8'].map(parseIp),
    isLocal: false,
    ready: [],
    readyHere: [],
    ...facts,
  };
}

describe("a service's own routes", () => {
  it('are all its addresses that may be announced where a local endpoint is ready, by family', () => {
    const local = service({ isLocal: true, ready: [4, 6], readyHere: [4] });
    expect(serviceAddresses(local, ranges)).toEqual([
      '10.96.0.1',
      '198.51.100.1',
      '203.0.113.7',
      '192.0.2.1',
      '203.0.113.8',
    ]);
    expect(serviceAddresses({ ...local, readyHere: [6] }, ranges)).toEqual(['fd96::1']);
    expect(serviceAddresses({ ...local, readyHere: [] }, ranges)).toEqual([]);
  });

  it('are only those configured alone where any node may have its traffic', () => {
    expect(serviceAddresses(service({}), ranges)).toEqual(['203.0.113.7', '203.0.113.8']);
  });

  it('are its load balancer addresses where their ranges are not announced and an endpoint is ready', () => {
    const single = { ...ranges, aggregatesLoadBalancerIps: false };
    expect(serviceAddresses(service({ ready: [4] }), single)).toEqual(['203.0.113.7', '192.0.2.1', '203.0.113.8']);
    expect(serviceAddresses(service({}), single)).toEqual(['203.0.113.7', '203.0.113.8']);
  });
});
