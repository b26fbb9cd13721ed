import fc from 'fast-check';
import { parseAsn } from '@calico-node/net';
import { block, configuration, filter, node, peer, pool, store } from './fixtures.ts';
import type { BgpResources } from './resources.ts';

/** What stores hold in the place of an address: good ones mostly, few enough to meet, and rubbish. */
const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.10', 'fd00::1', 'FD00::2', '0.0.0.0', 'rubbish', '');
const cidr = fc.constantFrom('10.0.0.1/24', '10.65.0.0/16', '10.65.1.0/16', 'fd00::/8', '1.2.3.4/33', 'x', '');
const asn = fc.constantFrom(undefined, parseAsn(0), parseAsn(64512), parseAsn(4_200_000_000));
const name = fc.constantFrom('n1', 'n2', 'n3', 'default', 'node.n1');
const selector = fc.constantFrom(undefined, '', 'all()', 'has(rr)', '!has(rr)', 'has(');
const some = fc.option(fc.constantFrom('f1', 'f2', 'none'), { nil: undefined });

const nodes = fc.array(
  fc
    .record({ name, ipv4Address: ip, ipv6Address: ip, asNumber: asn, routeReflectorClusterID: ip, rr: fc.boolean() })
    .map(({ name: nodeName, rr, ...bgp }) => node(nodeName, bgp, rr ? { rr: '' } : {})),
);
const peers = fc.array(
  fc
    .record({
      node: fc.option(name, { nil: undefined }),
      nodeSelector: selector,
      peerIP: fc.oneof(ip, fc.constantFrom('10.0.0.2:1790', '[fd00::1]:5', '1.2.3.4:0', ':')),
      peerSelector: selector,
      asNumber: asn,
      localASNumber: asn,
      reachableBy: ip,
      maxRestartTime: fc.constantFrom(undefined, '90s', 'soon'),
      filter: some,
    })
    .map(({ filter: one, ...spec }) => peer('p', { ...spec, filters: one === undefined ? [] : [one] })),
);
const filters = fc.array(
  fc
    .record({ name: fc.constantFrom('f1', 'f2'), cidr, matchOperator: fc.constantFrom(undefined, 'In' as const) })
    .map(({ name: filterName, ...rule }) =>
      filter(filterName, { importV4: [{ ...rule, action: 'Accept' }], exportV6: [{ ...rule, action: 'Reject' }] }),
    ),
);
const configurations = fc.array(
  fc
    .record({ name, asNumber: asn, cidr, community: fc.constantFrom('a', '1:2', '65536:1', '1:2:3') })
    .map(({ name: configurationName, asNumber, cidr: text, community }) =>
      configuration(
        {
          asNumber,
          communities: [{ name: 'a', value: '64512:7' }],
          prefixAdvertisements: [{ cidr: text, communities: [community] }],
          serviceClusterIPs: [{ cidr: text }],
        },
        configurationName,
      ),
    ),
);
const pools = fc.array(
  fc
    .record({ cidr, vxlanMode: fc.constantFrom('Never' as const, 'Always' as const), disableBGPExport: fc.boolean() })
    .map((spec) => pool('pool', spec)),
);
const blocks = fc.array(fc.constantFrom(block('10.65.0.0/26'), block('10.65.0.9/32'), block('fd00::/122', 'pending')));
/** Stores as they may be found, for property tests. */
export const anyResources: fc.Arbitrary<BgpResources> = fc
  .record({ nodes, peers, filters, configurations, pools, blocks })
  .map(store);
