import { expect, test } from 'vitest';
import { fromBgpBackend } from './bgp-backend.ts';
import { resolveParameters } from './resolve.ts';
import { fromEnvironment } from './sources.ts';

test.each([
  [{}, 'Disabled'],
  [{ CALICO_NETWORKING_BACKEND: 'native' }, 'Disabled'],
  [{ CALICO_NETWORKING_BACKEND: 'bird' }, 'EnabledIPIPOnly'],
  [{ CALICO_NETWORKING_BACKEND: 'bird', CALICO_BGP_BACKEND: 'native' }, 'Disabled'],
  [{ CALICO_NETWORKING_BACKEND: 'bird', FELIX_PROGRAMCLUSTERROUTES: 'Disabled' }, 'Disabled'],
])('with %o the cluster routes that Felix programs are %s', (env, expected) => {
  const { values } = resolveParameters([fromEnvironment(env), fromBgpBackend(env)]);
  expect(values.ProgramClusterRoutes).toBe(expected);
});
