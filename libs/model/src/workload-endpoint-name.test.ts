import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isWorkloadEndpointName,
  parseWorkloadEndpointName,
  workloadEndpointName,
  workloadEndpointNamePrefix,
} from './workload-endpoint-name.ts';

describe('a workload endpoint name', () => {
  it.each([
    [{ node: 'my-node', orchestrator: 'k8s', pod: 'web-0', endpoint: 'eth0' }, 'my--node-k8s-web--0-eth0'],
    [{ node: 'n', orchestrator: 'cni', containerID: 'abc', endpoint: 'eth0' }, 'n-cni-abc-eth0'],
    [{ node: 'n', orchestrator: 'libnetwork', endpoint: 'e1' }, 'n-libnetwork-libnetwork-e1'],
    [
      { node: 'n.example', orchestrator: 'openstack', workload: 'vm-1', endpoint: 'tap' },
      'n.example-openstack-vm--1-tap',
    ],
  ])('of %j is %s', (parts, name) => {
    expect(workloadEndpointName(parts)).toBe(name);
  });

  it.each([
    [{ node: 'n', orchestrator: 'k8s', endpoint: 'eth0' }],
    [{ node: '-n', orchestrator: 'k8s', pod: 'p', endpoint: 'eth0' }],
    [{ node: 'n', orchestrator: 'k8s', pod: 'p-', endpoint: 'eth0' }],
    [{}],
  ])('cannot be made of %j', (parts) => {
    expect(() => workloadEndpointName(parts)).toThrow(RangeError);
  });

  it('has a prefix for what is known', () => {
    expect(workloadEndpointNamePrefix({ node: 'my-node', orchestrator: 'k8s' })).toBe('my--node-k8s-');
    expect(workloadEndpointNamePrefix({ node: 'my-node' })).toBe('my--node-');
    expect(workloadEndpointNamePrefix({})).toBe('');
  });

  it.each(['', 'a', 'a-b-c', 'a-b-c-d-e', 'a-b-c-', 'a--b-c-d'])('is not %j', (name) => {
    expect(parseWorkloadEndpointName(name)).toBeUndefined();
  });

  it('is one where it can be parsed, and only there', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '-', '-', '\n'), maxLength: 16 });
    fc.assert(
      fc.property(name, (text) => {
        expect(isWorkloadEndpointName(text)).toBe(parseWorkloadEndpointName(text) !== undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('comes back as its parts', () => {
    const segment = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?$/);
    fc.assert(
      fc.property(segment, segment, segment, segment, (node, orchestrator, workload, endpoint) => {
        fc.pre(!['k8s', 'cni', 'libnetwork'].includes(orchestrator));
        const name = workloadEndpointName({ node, orchestrator, workload, endpoint });
        expect(parseWorkloadEndpointName(name)).toEqual({ node, orchestrator, workload, endpoint });
      }),
    );
  });
});
