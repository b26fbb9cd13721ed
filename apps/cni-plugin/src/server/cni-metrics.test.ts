import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { registerMetrics } from './cni-metrics.ts';

test('calls are counted by command and result, with no more labels than there are commands', async () => {
  const registry = new Registry();
  const metrics = registerMetrics(registry, () => 3);
  metrics.served('ADD', 'ok', 0.004);
  metrics.served('ADD', 11, 10);
  metrics.served('whatever a caller writes', 4, 0);
  const text = await registry.metrics();
  expect(text).toContain('cni_calls_total{command="ADD",result="ok"} 1');
  expect(text).toContain('cni_calls_total{command="ADD",result="11"} 1');
  expect(text).toContain('cni_calls_total{command="unknown",result="4"} 1');
  expect(text).toContain('cni_call_duration_seconds_bucket{le="0.005",command="ADD"} 1');
  expect(text).toContain('cni_calls_under_way 3');
});
