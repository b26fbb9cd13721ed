import { expect, test } from 'vitest';
import { refreshPeriodically } from './refresh.ts';

test('each part is looked at again and again until the end, and never where its interval is 0', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const look = (name: string, seconds: number) => ({
    seconds,
    run: () => {
      seen.push(name);
      if (seen.length === 6) stop.abort();
    },
  });
  await refreshPeriodically([look('routes', 0.01), look('filter', 0.01), look('interfaces', 0)], stop.signal);
  expect(new Set(seen)).toEqual(new Set(['routes', 'filter']));
  expect(seen).toHaveLength(6);
});
