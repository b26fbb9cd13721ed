import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { ComponentStatus } from './component.ts';
import { readProcessUse, registerProcessMetrics } from './process-metrics.ts';

test('a process is measured, one that is gone is not', () => {
  const use = readProcessUse(process.pid)!;
  expect(use.cpuSeconds).toBeGreaterThan(0);
  expect(use.residentBytes).toBeGreaterThan(use.proportionalBytes / 2);
  expect(use.openFiles).toBeGreaterThan(2);
  expect(readProcessUse(2 ** 22 + 1)).toBeUndefined();
});

const status: ComponentStatus = {
  name: 'felix',
  phase: 'running',
  pid: process.pid,
  restarts: 3,
  startedMs: 0,
  lastExit: '',
  ready: true,
  reason: '',
  after: [],
};

test('the metrics name each process', async () => {
  const registry = new Registry();
  registerProcessMetrics(registry, () => [status, { ...status, name: 'confd', pid: 0, ready: false, restarts: 0 }]);
  const text = await registry.metrics();
  expect(text).toContain('calico_node_process_restarts_total{process="felix"} 3');
  expect(text).toMatch(/calico_node_process_resident_memory_bytes\{process="felix"\} \d{7,}/);
  expect(text).toMatch(/calico_node_process_resident_memory_bytes\{process="calico-node"\} \d{7,}/);
  expect(text).not.toContain('memory_bytes{process="confd"}');
  expect(text).toContain('calico_node_process_ready{process="confd"} 0');
});

test('a scrape measures each process once, and afresh', async () => {
  const registry = new Registry();
  const measured: number[] = [];
  registerProcessMetrics(
    registry,
    () => [{ ...status, pid: 77 }],
    (pid) => {
      measured.push(pid);
      return { cpuSeconds: measured.length, residentBytes: 1, proportionalBytes: 2, openFiles: 3 };
    },
  );
  await registry.metrics();
  expect(measured).toEqual([process.pid, 77]);
  expect(await registry.metrics()).toContain('calico_node_process_cpu_seconds_total{process="felix"} 4\n');
});
