import { expect, test } from 'vitest';
import { isMachineHandle, machineHandle } from './machine-handle.ts';

test('a machine’s handle has its network, namespace and name, and is cut where that is too long', () => {
  expect(machineHandle('k8s-pod-network', 'default', 'vm1')).toBe('k8s-pod-network.vmi.default.vm1');
  const long = machineHandle('net', 'default', 'v'.repeat(200));
  expect(long).toMatch(/^net\.vmi\._[A-Za-z0-9_-]+$/);
  expect(long.length).toBeLessThanOrEqual(128);
  expect([long, 'k8s-pod-network.vmi.default.vm1', 'k8s-pod-network.0123'].map(isMachineHandle)).toEqual([
    true,
    true,
    false,
  ]);
});
