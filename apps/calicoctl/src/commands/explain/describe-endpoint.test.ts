import { felixV1 } from '@calico-node/rpc';
import { expect, test } from 'vitest';
import { describeEndpoint } from './describe-endpoint.ts';

const route = felixV1.KernelRoute.fromPartial({
  destination: '10.0.0.1/32',
  type: 'unicast',
  protocol: 3,
  table: 254,
  metric: 1024,
  nextHops: [{ interfaceName: 'calia' }],
});

test('an endpoint is told with what applies to it, by revision, and with what the kernel has of it', () => {
  const answer = felixV1.ExplainEndpointResponse.fromPartial({
    endpoint: {
      id: { orchestratorId: 'k8s', workloadId: 'default/a', endpointId: 'eth0' },
      interfaceName: 'calia',
      addresses: ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32'],
      state: felixV1.EndpointState.UP,
    },
    revision: 7n,
    labels: { app: 'a' },
    tiers: [
      {
        name: 'first',
        defaultAction: 'Deny',
        policies: [
          { kind: 'StagedGlobalNetworkPolicy', name: 's', revision: '5', directions: ['egress'], staged: true },
        ],
      },
      {
        name: 'default',
        defaultAction: 'Deny',
        policies: [
          { kind: 'NetworkPolicy', namespace: 'default', name: 'p', revision: '6', directions: ['ingress', 'egress'] },
        ],
      },
    ],
    profiles: [{ name: 'gone', missing: true }, { name: 'kns.default', revision: '4' }, { name: 'built' }],
    routes: [
      { address: '10.0.0.1/32', route, leadsToIt: true },
      { address: '10.0.0.2/32', route },
      { address: '10.0.0.3/32' },
    ],
    chains: [
      { direction: 'ingress', family: 4, name: 'cali-tw-calia', rules: 1 },
      { direction: 'egress', family: 4, name: 'cali-fw-calia', missing: true },
    ],
  });
  expect(describeEndpoint(answer)).toBe(`Endpoint:   default/a eth0 (k8s, revision 7)
Interface:  calia
Addresses:  10.0.0.1/32, 10.0.0.2/32, 10.0.0.3/32
Labels:     app=a
State:      up

Policy, in the order in which it is asked:
  tier first
    StagedGlobalNetworkPolicy s: egress, not enforced (revision 5)
  tier default, at its end Deny
    NetworkPolicy default/p: ingress, egress (revision 6)
  Profile gone: does not exist, so that what comes to it is denied
  Profile kns.default (revision 4)
  Profile built (built in)

In the kernel:
  route for 10.0.0.1/32: 10.0.0.1/32 dev calia proto boot table main metric 1024
  route for 10.0.0.2/32: 10.0.0.1/32 dev calia proto boot table main metric 1024, which does not lead to calia
  no route for 10.0.0.3/32
  chain for ingress, IPv4: cali-tw-calia, 1 rule
  chain for egress, IPv4: cali-fw-calia, missing
`);
});

test('a host endpoint is told with its interfaces and stages, and with what is missing', () => {
  const policy = { kind: 'GlobalNetworkPolicy', revision: '6', directions: ['ingress'] };
  const answer = felixV1.ExplainEndpointResponse.fromPartial({
    hostEndpoint: { name: 'h', interfaceName: '*', interfaces: ['eth0', 'eth1'] },
    revision: 7n,
    tiers: [
      {
        name: 'default',
        defaultAction: 'Deny',
        policies: [
          { ...policy, name: 'early', stage: 'pre-dnat' },
          { ...policy, name: 'both', stage: 'normal', onForward: true },
        ],
      },
    ],
    chains: [{ direction: 'ingress', family: 4, name: 'cali-fhfw-any', stage: 'forward', rules: 3 }],
    missing: ['something'],
  });
  expect(describeEndpoint(answer)).toBe(`Endpoint:   host endpoint h (revision 7)
Interface:  every interface that no other host endpoint covers
Addresses:  none
Labels:     none
Covers:     eth0, eth1

Policy, in the order in which it is asked:
  tier default, at its end Deny
    GlobalNetworkPolicy early: ingress, before DNAT (revision 6)
    GlobalNetworkPolicy both: ingress, also of what is forwarded (revision 6)

In the kernel:
  chain for ingress, of what is forwarded, IPv4: cali-fhfw-any, 3 rules

Missing there:
  something
`);
});
