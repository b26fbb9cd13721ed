import { expect, test } from 'vitest';
import { addressesOf } from './listeners.ts';

const off = {
  HealthEnabled: false,
  HealthHost: 'localhost',
  HealthPort: 9099,
  PrometheusMetricsEnabled: false,
  PrometheusMetricsHost: '',
  PrometheusMetricsPort: 9091,
};

test('health and metrics are served where the parameters say, but not twice', () => {
  const on = { ...off, HealthEnabled: true, PrometheusMetricsEnabled: true };
  expect(addressesOf(off, undefined)).toEqual([]);
  expect(addressesOf(on, undefined)).toEqual([
    { host: 'localhost', port: 9099 },
    { host: '', port: 9091 },
  ]);
  expect(addressesOf(on, '127.0.0.1:9099')).toEqual([{ host: '', port: 9091 }]);
  expect(
    addressesOf({ ...on, PrometheusMetricsHost: '127.0.0.1', PrometheusMetricsPort: 9099 }, undefined),
  ).toHaveLength(1);
});
