import { parseSelector } from '@calico-node/selector';
import { describe, expect, it } from 'vitest';
import { ipSetKernelName, limitedId, podInterfaceName, policyId } from './identifiers.ts';

describe('limitedId', () => {
  it.each([
    ['cali-pi-', 'np/default/allow-frontend', 'cali-pi-_AEqe5CO8bQySdgSCz3G'],
    ['cali-pi-', 'gnp/deny-all', 'cali-pi-gnp/deny-all'],
    ['cali-pi-', 'default/default.deny-all', 'cali-pi-_rRvJ5MlQ4EKf_9WPWxZ'],
    ['cali-pri-', 'ksa.kube-system.coredns', 'cali-pri-_u2Tn2rSoAPffvE7JO6'],
    ['cali-pri-', 'kns.default', 'cali-pri-kns.default'],
    ['cali-', '', 'cali-_'],
  ])('of %s and %j is %s', (prefix, suffix, id) => {
    expect(limitedId(prefix, suffix, 28)).toBe(id);
  });

  it('never takes a plain name for a hashed one', () => {
    expect(limitedId('p-', 'x'.repeat(26), 28)).toBe(`p-${'x'.repeat(26)}`);
    expect(limitedId('p-', `_${'x'.repeat(25)}`, 28)).not.toBe(`p-_${'x'.repeat(25)}`);
    expect(limitedId('p-', 'x'.repeat(200), 28)).toHaveLength(28);
  });
});

describe('identifiers', () => {
  it.each([
    ['default', 'mypod', 'cali4e199eba087'],
    ['kube-system', 'coredns-abc', 'cali3d5d6ab04b5'],
    ['default', 'web-0', 'cali0d7763386da'],
  ])('of the pod %s/%s is the interface %s', (namespace, pod, name) => {
    expect(podInterfaceName(namespace, pod)).toBe(name);
  });

  it('of policies have their kind in front', () => {
    expect(policyId('NetworkPolicy', 'web', 'prod')).toBe('np/prod/web');
    expect(policyId('GlobalNetworkPolicy', 'deny-all')).toBe('gnp/deny-all');
    expect(policyId('KubernetesClusterNetworkPolicy', 'x')).toBe('kcnp/x');
  });

  it('of IP sets fit the kernel', () => {
    expect(ipSetKernelName(parseSelector('all()').id, 4)).toBe('cali40s:5y5I3VdRZfDU01O--xXAPx2');
  });
});
