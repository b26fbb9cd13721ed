import { parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { judgeBgp } from './bgp-verdict.ts';

const up = { address: parseIp('10.0.0.2'), state: 'Established' } as const;
const down = { address: parseIp('10.0.0.3'), state: 'Active' } as const;
const early = { isRestarting: false, secondsSinceStart: 5, thresholdSeconds: 30 };
const late = { ...early, secondsSinceStart: 60 };

test.each([
  ['no peers', [], early, undefined],
  ['all up', [up], early, undefined],
  ['one down early', [up, down], early, 'BGP not established with 10.0.0.3'],
  ['one down later', [up, down], late, undefined],
  ['all down later', [down], late, 'BGP not established with any peer: 10.0.0.3'],
  ['a graceful restart early', [up], { ...early, isRestarting: true }, 'BGP graceful restart in progress'],
])('with %s', (_, sessions, facts, expected) => {
  expect(judgeBgp({ sessions, ...facts })).toBe(expected);
});
