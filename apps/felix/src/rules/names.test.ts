import { expect, test } from 'vitest';
import { policyIdOf } from '../calc/policy-id.ts';
import { policyChainName, profileChainName, workloadChainName } from './names.ts';

test('hold nothing that iptables would read otherwise', () => {
  const odd = ['x y', 'x y ', 'x"y', "x'y", 'x\ny', 'x\0y', 'é', 'x\\', '#x;'];
  for (const maxLength of [28, 240]) {
    const chains = odd.map((name) => profileChainName(name, 'ingress', maxLength));
    for (const chain of chains) expect(chain).toMatch(/^cali-pri-_[\w-]{18,43}$/);
    expect(new Set(chains).size).toBe(odd.length);
  }
});

test("are Calico's, shortened where iptables has no room", () => {
  const policy = policyIdOf({ kind: 'NetworkPolicy', namespace: 'default', name: 'allow-frontend' });
  expect(policyChainName(policy, 'ingress', 28)).toBe('cali-pi-_AEqe5CO8bQySdgSCz3G');
  expect(policyChainName(policyIdOf({ kind: 'GlobalNetworkPolicy', name: 'deny-all' }), 'ingress', 28)).toBe(
    'cali-pi-gnp/deny-all',
  );
  expect(policyChainName(policy, 'egress', 255)).toBe('cali-po-np/default/allow-frontend');
  expect(profileChainName('ksa.kube-system.coredns', 'ingress', 28)).toBe('cali-pri-_u2Tn2rSoAPffvE7JO6');
  expect(profileChainName('kns.default', 'egress', 28)).toBe('cali-pro-kns.default');
  expect(workloadChainName('cali0123456789a', 'ingress')).toBe('cali-tw-cali0123456789a');
});
