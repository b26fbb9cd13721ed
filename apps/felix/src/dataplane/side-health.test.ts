import type { ComponentReport } from '@calico-node/service';
import { expect, test } from 'vitest';
import { SideHealth } from './side-health.ts';

test.each([
  [true, 'warn'],
  [false, 'error'],
])('tells of a problem once, and of health each time (ready anyway: %s)', (isReadyAnyway, level) => {
  const reports: ComponentReport[] = [];
  const lines: [string, object][] = [];
  const side = new SideHealth({
    health: { report: (state) => reports.push(state) },
    isReadyAnyway,
    meaning: 'it does not work',
    remedy: 'try another',
    log: {
      warn: (fields: object) => lines.push(['warn', fields]),
      error: (fields: object) => lines.push(['error', fields]),
    },
  });
  for (const problem of [undefined, 'a', 'a', 'b', undefined, 'b']) side.report(problem);
  expect(reports.map(({ ready, reason }) => [ready, reason])).toEqual([
    [true, undefined],
    ...['a', 'a', 'b'].map((problem) => [isReadyAnyway, `it does not work: ${problem}`]),
    [true, undefined],
    [isReadyAnyway, 'it does not work: b'],
  ]);
  expect(reports[1]?.remedy).toBe('try another');
  expect(lines).toEqual(['a', 'b', 'b'].map((reason) => [level, { reason }]));
});
