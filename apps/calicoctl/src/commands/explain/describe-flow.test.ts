import { felixV1 } from '@calico-node/rpc';
import { expect, test } from 'vitest';
import { describeFlow } from './describe-flow.ts';

const request = {
  from: 'a',
  to: 'b',
  protocol: 6,
  sourcePort: 0,
  destinationPort: 80,
  icmpType: 8,
  icmpCode: 0,
  sentTo: '',
};
const rule = { kind: 'NetworkPolicy', namespace: 'ns', name: 'p', revision: '7', index: 2, action: 'Allow' };

test('a flow is described tier by tier, with rule and revision, and what staged policy would say', () => {
  const text = describeFlow(
    request,
    felixV1.ExplainFlowResponse.fromPartial({
      allowed: false,
      source: '10.0.0.1',
      destination: '10.0.0.2',
      revision: 9n,
      stagedVerdict: 'allow',
      steps: [
        {
          endpoint: 'ns/a',
          direction: 'egress',
          verdict: 'allow',
          reason: 'rule',
          rule,
          tiers: [
            {
              name: 'first',
              policies: ['GlobalNetworkPolicy first.x'],
              rule: undefined,
              defaultAction: 'Pass',
              outcome: 'Pass',
            },
            {
              name: 'default',
              policies: ['GlobalNetworkPolicy q', 'NetworkPolicy ns/p'],
              rule,
              defaultAction: 'Deny',
              outcome: 'Allow',
              logs: [{ ...rule, index: 1, action: 'Log' }],
            },
          ],
          staged: [{ tier: 'default', policy: 'StagedGlobalNetworkPolicy s', rule: undefined }],
        },
        {
          endpoint: 'ns/b',
          direction: 'ingress',
          verdict: 'deny',
          reason: 'no-profile-matched',
          rule: undefined,
          tiers: [],
          staged: [],
        },
      ],
    }),
  );
  expect(text).toBe(`Flow:     10.0.0.1 -> 10.0.0.2, TCP port 80
Verdict:  DENY (policy as of store revision 9)
Staged:   ALLOW, if all staged policies were enforced

Egress of ns/a: ALLOW
  tier first: Pass
    GlobalNetworkPolicy first.x: no rule matches
    end of tier: Pass
  tier default: Allow
    GlobalNetworkPolicy q: no rule matches
    NetworkPolicy ns/p, egress[1]: Log (revision 7), and on
    NetworkPolicy ns/p, egress[2]: Allow (revision 7)
  staged, tier default: StagedGlobalNetworkPolicy s: no rule matches

Ingress of ns/b: DENY
  no profile allows it
`);
});

test('a rule of a profile stands where no tier decides', () => {
  const profile = {
    ...rule,
    kind: 'Profile',
    namespace: '',
    name: 'projectcalico-default-allow',
    revision: '',
    index: 0,
  };
  const step = {
    endpoint: 'ns/a',
    direction: 'egress',
    verdict: 'allow',
    reason: 'rule',
    rule: profile,
    tiers: [],
    staged: [],
  };
  const answer = felixV1.ExplainFlowResponse.fromPartial({
    allowed: true,
    source: '10.0.0.1',
    destination: '10.9.9.9',
    revision: 9n,
    stagedVerdict: '',
    steps: [step],
  });
  expect(describeFlow({ ...request, protocol: 1, destinationPort: 0 }, answer))
    .toBe(`Flow:     10.0.0.1 -> 10.9.9.9, ICMP type 8 code 0
Verdict:  ALLOW (policy as of store revision 9)

Egress of ns/a: ALLOW
  Profile projectcalico-default-allow, egress[0]: Allow (built in)
`);
});

test('ends, hosts between and what --verify alone knows are told', () => {
  const step = { direction: 'ingress', stage: 'forward', verdict: 'continue', reason: 'no-policy' };
  const answer = felixV1.ExplainFlowResponse.fromPartial({
    source: 'fd00::1',
    destination: 'fd00:96::1',
    from: { type: 'workload', name: 'ns/a', node: 'n1' },
    to: { type: 'outside' },
    toService: true,
    steps: [
      { ...step, endpoint: 'silent' },
      { endpoint: 'ns/a', direction: 'egress', verdict: 'deny', reason: 'endpoint-to-host', detail: 'DROP' },
    ],
  });
  expect(describeFlow({ ...request, protocol: 1, destinationPort: 0 }, answer))
    .toBe(`Flow:     fd00::1 -> fd00:96::1, ICMPv6 echo
From:     workload endpoint ns/a on n1
To:       outside: no endpoint and no node has the address
Verdict:  DENY (policy as of store revision 0)
Note:     fd00:96::1 is in a network of services' addresses; --verify shows where this node sends it to, and asks policy of that

To its host from ns/a: DENY
  what workloads send to their host (DefaultEndpointToHostAction): DROP
`);
});

const toService = (...allowed: readonly boolean[]) =>
  felixV1.ExplainFlowResponse.fromPartial({
    allowed: allowed.every(Boolean),
    source: '10.0.0.1',
    destination: '10.96.0.10',
    from: { type: 'workload', name: 'ns/a', node: 'n1' },
    to: { type: 'outside' },
    toService: true,
    steps: [{ endpoint: 'as sent', direction: 'egress', verdict: 'allow', reason: 'no-policy' }],
    service: {
      ...{ namespace: 'shop', name: 'web', addressType: 'ClusterIP', trafficPolicy: 'Cluster' },
      problem: allowed.length === 0 ? 'no-endpoints' : '',
      backends: allowed.map((isAllowed, index) => ({
        address: `10.0.1.${index}`,
        port: 8080,
        end: { type: 'workload', name: `shop/web-${index}`, node: 'n2' },
        allowed: isAllowed,
        steps: [{ endpoint: `shop/web-${index}`, direction: 'ingress', verdict: 'deny', reason: 'encapsulation' }],
      })),
    },
  });

test('a service is told of by its backends, and why of one that is allowed and one that is denied', () => {
  expect(describeFlow(request, toService(true, false, true))).toBe(`Flow:     10.0.0.1 -> 10.96.0.10, TCP port 80
From:     workload endpoint ns/a on n1
To:       outside: no endpoint and no node has the address
Service:  shop/web, its ClusterIP: translated to one of 3 backends
Verdict:  depends on the backend: ALLOW to 2 of 3 (policy as of store revision 0)
Note:     which backend a connection goes to is not known; --verify shows it of one
  10.0.1.0 port 8080 (workload endpoint shop/web-0 on n2): ALLOW
  10.0.1.1 port 8080 (workload endpoint shop/web-1 on n2): DENY
  10.0.1.2 port 8080 (workload endpoint shop/web-2 on n2): ALLOW

To 10.0.1.0 port 8080:

Ingress of shop/web-0: DENY
  a workload may not send tunnel packets

To 10.0.1.1 port 8080:

Ingress of shop/web-1: DENY
  a workload may not send tunnel packets
`);
  expect(describeFlow(request, toService(false, false))).toContain('\nVerdict:  DENY (');
  expect(describeFlow(request, toService(true))).not.toContain('not known');
});

test('what is not known of a service or a floating address is told', () => {
  expect(describeFlow(request, toService())).toContain(
    '\nNote:     the service has no ready endpoint: kube-proxy refuses it, whatever policy says\n',
  );
  const unknown = { ...toService(), service: undefined, serviceUnknown: 'the API is down' };
  const text = describeFlow(request, unknown, 'the store is down');
  expect(text).toContain("\nNote:     whether 10.96.0.10 is a service's address is not known: the API is down\n");
  expect(text).toContain(
    '\nNote:     whether 10.96.0.10 is a floating address of another node is not known: the store is down\n',
  );
});

test('what no policy is asked of has its reason: a host reaches itself and its own workloads', () => {
  const told = (from: object, to: object): string =>
    describeFlow(request, felixV1.ExplainFlowResponse.fromPartial({ allowed: true, from, to }))
      .split('\n')
      .at(-2) ?? '';
  const host = { type: 'host', name: 'h', node: 'n1' };
  const none = 'No policy has a say: ';
  expect(told(host, { type: 'workload', name: 'ns/a', node: 'n1' })).toBe(
    `${none}a host always reaches its own workloads.`,
  );
  expect(told(host, host)).toBe(`${none}what a host sends to itself stays within it.`);
  expect(told({ type: 'outside' }, { type: 'host', node: 'n2' })).toBe(
    `${none}neither end is a workload, nor a host with a host endpoint.`,
  );
});

test('ICMPv6 between IPv4 addresses is ICMP, and a tier of untracked policy has no end', () => {
  const tier = { name: 'default', policies: ['GlobalNetworkPolicy u'], outcome: 'Pass' };
  const step = { endpoint: 'h', direction: 'ingress', stage: 'untracked', verdict: 'continue', reason: 'no-policy' };
  const answer = felixV1.ExplainFlowResponse.fromPartial({
    ...{ source: '10.0.0.1', destination: '10.0.0.2' },
    steps: [{ ...step, tiers: [tier] }],
  });
  expect(describeFlow({ ...request, protocol: 58, icmpType: 128 }, answer))
    .toBe(`Flow:     10.0.0.1 -> 10.0.0.2, ICMP echo
Verdict:  DENY (policy as of store revision 0)

Ingress of h, untracked policy: CONTINUE
  tier default: Pass
    GlobalNetworkPolicy u: no rule matches
  no policy decides
`);
});
