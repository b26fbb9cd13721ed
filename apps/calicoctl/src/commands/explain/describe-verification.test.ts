import { felixV1 } from '@calico-node/rpc';
import { expect, test } from 'vitest';
import { describeVerification } from './describe-verification.ts';

const answer = felixV1.VerifyFlowResponse.fromPartial({
  kernel: 'allow',
  expected: 'allow',
  half: 'whole',
  source: '10.0.0.1',
  destination: '10.0.0.2',
  sourcePort: 50000,
  enteredBy: 'calia',
  leavesBy: 'calib',
  packetFilter: 'nftables',
});

const rule = (more: Partial<felixV1.TracedRule>): felixV1.TracedRule =>
  felixV1.TracedRule.fromPartial({ table: 'ip calico', chain: 'filter-cali-FORWARD', position: 2, ...more });

test('agreement is told with the packet’s way and the rules that it met', () => {
  const rules = [
    rule({ verdict: 'jump filter-cali-fw-calia' }),
    rule({
      chain: 'filter-cali-pi-gnp/p',
      position: 1,
      verdict: 'return',
      ownerKind: 'GlobalNetworkPolicy',
      ownerName: 'p',
      direction: 'ingress',
      comment: 'GlobalNetworkPolicy p ingress',
      decidingRule: 'ingress[2]',
    }),
    rule({ position: 0, verdict: 'accept', comment: "the hook's policy" }),
  ];
  expect(describeVerification({ ...answer, rules })).toBe(`
Kernel:   ALLOW, as policy says (nftables)
Packet:   from 10.0.0.1 port 50000, as if it came in by calia; taken away before it left by calib

Rules that it met:
  ip calico filter-cali-FORWARD[2]: jump filter-cali-fw-calia
  ip calico filter-cali-pi-gnp/p[1]: return  (GlobalNetworkPolicy p ingress, whose ingress[2] decides)
  ip calico filter-cali-FORWARD[end]: accept  (the hook's policy)
`);
});

test('disagreement is told with what policy says of the way', () => {
  const step = felixV1.ExplainStep.fromPartial({
    endpoint: 'ns/a',
    direction: 'egress',
    verdict: 'allow',
    reason: 'no-profile-matched',
  });
  const silent = { ...step, endpoint: 'h', verdict: 'continue', reason: 'no-policy' };
  const text = describeVerification({
    ...answer,
    kernel: 'deny',
    steps: [silent, step],
    rules: [rule({ table: 'ip foreign', chain: 'f', verdict: 'drop', comment: 'closed' })],
  });
  expect(text).toContain('Kernel:   DENY, but policy says ALLOW (nftables)\n');
  expect(text).toContain('What policy says of this way:\nEgress of ns/a: ALLOW\n');
  expect(text).toContain('  ip foreign f[2]: drop  (closed)\n');
});

test('what was not verified is told', () => {
  const text = describeVerification({
    ...answer,
    kernel: 'lost',
    half: 'egress',
    enteredBy: '',
    gap: 'the log is read',
  });
  expect(text).toContain('sent by the host\n');
  expect(text).toContain('Verified: the egress half; the other end');
  expect(text).toContain('may have no route');
  expect(text).toContain('Not all rules may be here: the log is read.');
});

test('a translated destination is told with what policy says of it', () => {
  const translated = { translatedDestination: '10.0.0.9', translatedDestinationPort: 8080 };
  const steps = [{ endpoint: 'ns/b', direction: 'ingress', verdict: 'allow', reason: 'failsafe' }];
  const text = describeVerification(
    felixV1.VerifyFlowResponse.fromPartial({
      ...answer,
      half: 'between',
      ...translated,
      translatedSource: '10.0.0.7',
      steps,
    }),
  );
  expect(text).toContain("\nBecame:   to 10.0.0.9 port 8080, from 10.0.0.7, by the kernel's address translation\n");
  expect(text).toContain("Verified: this node between them; the ends' own policy is on their nodes\n");
  expect(text).toContain('What policy says of this way:\nIngress of ns/b: ALLOW\n  a failsafe port');
});
