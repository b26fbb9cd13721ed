import { parseAsn, parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { speakerConfig } from './speaker-config.ts';

test('the early speaker has a session with each ToR, and announces the stable address only', () => {
  const node = {
    interfaceAddresses: [parseIp('172.31.11.3')],
    stableAddress: parseIp('172.31.10.3'),
    asNumber: parseAsn(65001),
    peerings: [
      { peer: parseIp('172.31.11.1'), asNumber: parseAsn(65011) },
      { peer: parseIp('172.31.12.1'), asNumber: parseAsn(65001) },
    ],
    labels: {},
  };
  expect(speakerConfig({ node, address: parseIp('172.31.11.3') }, 'host')).toMatchObject({
    routerId: '172.31.11.3',
    localAs: 65001,
    listenPort: 8179,
    kernel: { announceWithin: ['172.31.10.3/32'] },
    neighbors: [
      { name: 'tor1', address: '172.31.11.1', remoteAs: 65011, nextHopMode: 'SELF' },
      { name: 'tor2', address: '172.31.12.1', remoteAs: 65001, nextHopMode: 'SELF' },
    ],
  });
});
