import { expect, test } from 'vitest';
import { causesOf, renderCause, type ComponentStatus } from './component.ts';

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
  expect(causesOf(statuses).map(renderCause)).toEqual([
    'cni-server: not started yet <- felix not ready',
    'felix: datastore: connection refused (check ETCD_ENDPOINTS and that etcd answers from this node; everything goes on when it does)',
  ]);
});

test('tells what lies behind, and what can be done', () => {
  const story = 'the node is 172.17.0.1/16 on docker0 (IP: first-found or stored) <- candidates docker0 (172.17.0.1)';
  const stuck = { ...status('bgp-daemon', false, 'no session established', []), phase: 'crash-loop' as const };
  expect(causesOf([stuck], () => story)).toEqual([
    {
      name: 'bgp-daemon',
      chain: `no session established <- ${story}`,
      remedy:
        'calicoctl node status shows each session; TCP port 179 must be open both ways, and the address be one that neighbours reach (IP, IP_AUTODETECTION_METHOD)',
    },
  ]);
});
