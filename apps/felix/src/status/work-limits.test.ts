import { expect, test } from 'vitest';
import { workLimitOf } from './work-limits.ts';

const limits = (HealthTimeoutOverrides: string) =>
  (['dataplane', 'calculation'] as const).map((part) =>
    workLimitOf(part, { DataplaneWatchdogTimeout: 90, HealthTimeoutOverrides }),
  );

test('the data plane and the calculation have Calico’s limits, and others where that is asked for', () => {
  expect(limits('')).toEqual([90, 20]);
  expect(limits('CalculationGraph=1m30s, InternalDataplaneMainLoop=0s')).toEqual([0, 90]);
  expect(limits('dataplane=500ms')).toEqual([0.5, 20]);
});
