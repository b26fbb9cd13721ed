import { bgpV1 } from '@calico-node/rpc';
import { expect, test } from 'vitest';
import { judgeBgp } from './bgp-verdict.ts';

const { ESTABLISHED, ACTIVE } = bgpV1.SessionState;
const up = { address: '10.0.0.2', state: ESTABLISHED };
const down = { address: '10.0.0.3', state: ACTIVE };
const early = { isRestarting: false, secondsSinceStart: 5, thresholdSeconds: 30 };
const late = { ...early, secondsSinceStart: 60 };

test.each([
  ['no peers', [], early, undefined],
  ['all up', [up], early, undefined],
  ['one down early', [up, down], early, 'BGP not established with 10.0.0.3'],
  ['one down later', [up, down], late, undefined],
  ['all down later', [down], late, 'BGP not established with any peer: 10.0.0.3'],
  ['a graceful restart early', [up], { ...early, isRestarting: true }, 'BGP graceful restart in progress'],
  ['a peer of the other family', [{ address: 'fd00::1', state: ACTIVE }], early, undefined],
])('with %s', (_, peers, facts, expected) => {
  expect(judgeBgp({ peers, ...facts }, 4)).toBe(expected);
});
