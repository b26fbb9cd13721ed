import { expect, test } from 'vitest';
import { resolveParameters } from '../config/resolve.ts';
import { isShownBy, listenersOf } from './listeners.ts';

const off = resolveParameters([]).values;
const on = { ...off, HealthEnabled: true, PrometheusMetricsEnabled: true };
const both = ['health', 'metrics'];

test('health and metrics are served where the parameters say, but not twice', () => {
  expect(listenersOf(off, undefined)).toEqual([]);
  expect(listenersOf(on, undefined)).toEqual([
    { host: 'localhost', port: 9099, serves: both, isSecure: false },
    { host: '', port: 9091, serves: both, isSecure: false },
  ]);
  expect(listenersOf(on, '127.0.0.1:9099')).toMatchObject([{ host: '', port: 9091 }]);
  expect(
    listenersOf({ ...on, PrometheusMetricsHost: '127.0.0.1', PrometheusMetricsPort: 9099 }, undefined),
  ).toHaveLength(1);
});

test('metrics with a certificate are served by their own address alone', () => {
  const secure = { ...on, PrometheusMetricsCertFile: '/c', PrometheusMetricsKeyFile: '/k' };
  expect(listenersOf(secure, undefined)).toEqual([
    { host: 'localhost', port: 9099, serves: ['health'], isSecure: false },
    { host: '', port: 9091, serves: ['metrics'], isSecure: true },
  ]);
  expect(listenersOf({ ...secure, PrometheusMetricsKeyFile: '' }, undefined)).toMatchObject([
    { isSecure: false },
    { isSecure: false },
  ]);
});

test('metrics of the process and of the engine are shown unless they are not wanted', () => {
  const shown = (values: Partial<typeof off>) =>
    ['felix_host', 'process_cpu_seconds_total', 'nodejs_heap_size_total_bytes'].filter(isShownBy({ ...on, ...values }));
  expect(shown({})).toHaveLength(3);
  expect(shown({ PrometheusGoMetricsEnabled: false })).toEqual(['felix_host', 'process_cpu_seconds_total']);
  expect(shown({ PrometheusProcessMetricsEnabled: false })).toEqual(['felix_host', 'nodejs_heap_size_total_bytes']);
});
