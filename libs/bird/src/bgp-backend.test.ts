import { expect, it } from 'vitest';
import { bgpBackendOf } from './bgp-backend.ts';

it.each([
  [{}, undefined],
  [{ CALICO_NETWORKING_BACKEND: 'bird' }, 'bird'],
  [{ CALICO_NETWORKING_BACKEND: 'native' }, 'native'],
  [{ CALICO_NETWORKING_BACKEND: 'vxlan' }, undefined],
  [{ CALICO_NETWORKING_BACKEND: 'bird', CALICO_BGP_BACKEND: 'native' }, 'native'],
  [{ CALICO_NETWORKING_BACKEND: 'bird', CALICO_BGP_BACKEND: '' }, 'bird'],
  [{ CALICO_BGP_BACKEND: 'bird' }, 'bird'],
])('%j chooses %s', (env, expected) => {
  expect(bgpBackendOf(env)).toBe(expected);
});
