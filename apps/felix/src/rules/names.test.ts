import { expect, test } from 'vitest';
import { policyIdOf } from '../calc/policy-id.ts';
import { policyChainName, profileChainName, workloadChainName } from './names.ts';

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
