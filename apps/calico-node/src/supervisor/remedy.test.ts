import { expect, test } from 'vitest';
import { remedyFor } from './remedy.ts';

test.each([
  ['etcd:2379 refuses: connect ECONNREFUSED 10.0.0.1:2379', /ETCD_ENDPOINTS/],
  ["the BGP daemon can't be reached: connect ENOENT /run/calico/bgp.sock", /^it starts, or hangs/],
  ['nobody serves http://127.0.0.1:9194/readiness', /^it starts, or hangs/],
  ['spawn bird ENOENT', /^install the program/],
  ['no session is established', /^calicoctl node status/],
])('of %s', (reason, remedy) => {
  expect(remedyFor(reason, 'running')).toMatch(remedy);
});

test('of what nobody has a word for: nothing, until it has failed again and again', () => {
  expect(remedyFor('odd', 'running')).toBeUndefined();
  expect(remedyFor('odd', 'crash-loop')).toMatch(/last words/);
});
