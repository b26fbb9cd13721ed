import { expect, test } from 'vitest';
import { causesOf, type ComponentStatus } from './component.ts';

function status(name: string, ready: boolean, reason = '', after: string[] = []): ComponentStatus {
  return {
    name,
    phase: 'running',
    pid: 1,
    restarts: 0,
    startedMs: 1,
    lastExit: '',
    ready,
    reason,
    after,
  };
}

test('says nothing when everything is ready', () => {
  expect(causesOf([status('felix', true)])).toEqual([]);
});

test('names effects before their causes, each with what it waits for', () => {
  const statuses = [
    status('ipam', true),
    status('felix', false, 'datastore: connection refused'),
    status('cni-server', false, 'not started yet', ['ipam', 'felix']),
  ];
  expect(causesOf(statuses)).toEqual([
    'cni-server: not started yet <- felix not ready',
    'felix: datastore: connection refused',
  ]);
});
