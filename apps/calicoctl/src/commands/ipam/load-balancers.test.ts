import { expect, it } from 'vitest';
import { isCalicos } from './load-balancers.ts';

const service = (spec: object, annotations: object = {}) => ({ metadata: { annotations }, spec });
const plain = { type: 'LoadBalancer' };
const asks = (name: string) => ({ [`projectcalico.org/${name}`]: '["x"]' });

it.each([
  ['of another type', service({ type: 'NodePort' }), false, false],
  ['of no class', service(plain), true, false],
  ['of Calico’s class', service({ ...plain, loadBalancerClass: 'calico' }), true, true],
  ['of another class', service({ ...plain, loadBalancerClass: 'other' }, asks('ipv4pools')), false, false],
  ['that asks for a pool', service(plain, asks('ipv6pools')), true, true],
  ['that asks for an address', service(plain, asks('loadBalancerIPs')), true, true],
  ['that is none', { spec: 'x' }, false, false],
])('a service %s is Calico’s, when it serves all, or those that ask: %#', (_, object, all, requested) => {
  expect([isCalicos(object, true), isCalicos(object, false)]).toEqual([all, requested]);
});
