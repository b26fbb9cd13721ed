import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { filterProgram } from './filter-program.ts';
import { FILTER_NAME } from './xdp-filter.ts';

test('another program has another name, so that it takes the place of the one that is there', () => {
  const program = filterProgram({ sources: 1, failsafes: 2, drops: 3 });
  const hash = createHash('sha256').update(program).digest('hex').slice(0, 16);
  expect({ name: FILTER_NAME, hash }).toEqual({ name: 'calico_xdp_1', hash: '60ee31867191a537' });
});
