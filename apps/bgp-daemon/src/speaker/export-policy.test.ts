import { prefixViewOf } from '@calico-node/bgp';
import { parseCidr, parseIp } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { expect, it } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { decideExport } from './export-policy.ts';

const config = parseConfig(
  bgpV1.BgpConfig.fromPartial({
    routerId: '10.0.0.1',
    localAs: 64512,
    kernel: { announceWithin: ['10.65.0.0/16'] },
  }),
);

it.each([
  ['a peer in our AS', { isInternal: true, isMesh: false }, false],
  ['a node of the mesh in our AS', { isInternal: true, isMesh: true }, false],
  ['a node of the mesh in another AS', { isInternal: false, isMesh: true }, false],
  ['a router in another AS', { isInternal: false, isMesh: false }, true],
])("tells %s of another node's block behind a tunnel or not", (_who, audience, announce) => {
  const subject = {
    prefix: prefixViewOf(parseCidr('10.65.2.0/26')),
    fromPeer: false,
    interfaceName: 'vxlan.calico',
    isForwarding: true,
    route: { attributes: { origin: 'Incomplete', asPath: [], nextHop: parseIp('10.65.2.0') } as const },
  };
  expect(decideExport(config, [], subject, audience)).toMatchObject({ announce });
});
