import { parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { Services } from './services.ts';

const shop = {
  metadata: { namespace: 'prod', name: 'shop' },
  spec: {
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1', 'fd96::1'],
    externalIPs: ['192.0.2.7'],
    ports: [
      { name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 },
      { port: 53, protocol: 'UDP' },
    ],
  },
  status: { loadBalancer: { ingress: [{ ip: '203.0.113.5' }, { hostname: 'elsewhere' }] } },
};

test('finds a service by each of its addresses, the protocol and the port, or by its node port', () => {
  const services = new Services();
  services.set('prod/shop', shop);
  const http = { namespace: 'prod', name: 'shop', portName: 'http', port: 80 };
  for (const address of ['10.96.0.1', 'fd96::1', '192.0.2.7', '203.0.113.5'])
    expect(services.find(parseIp(address), 80, 6)).toEqual(http);
  expect(services.find(parseIp('10.96.0.1'), 53, 17)).toEqual({ ...http, portName: '', port: 53 });
  expect(services.find(parseIp('172.16.0.1'), 30080, 6)).toEqual(http);
  expect(services.find(parseIp('10.96.0.1'), 80, 17)).toBeUndefined();
  services.set('prod/shop', { ...shop, spec: { clusterIP: 'None', ports: [{ port: 80 }] } });
  expect(services.find(parseIp('10.96.0.1'), 80, 6)).toBeUndefined();
});
