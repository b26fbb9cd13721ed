/*
 * A node whose only address, or whose chosen one, is that of a Docker bridge: what it says.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeRig } from './node-rig.ts';

describe('with docker0 beside it', () => {
  let rig: NodeRig;
  const ip = (...args: string[]): void => void execFileSync('ip', args);

  beforeAll(async () => {
    rig = await NodeRig.start({ IP: 'autodetect' });
    ip('link', 'add', 'docker0', 'type', 'bridge');
    ip('address', 'add', '172.17.0.1/16', 'dev', 'docker0');
    ip('link', 'set', 'docker0', 'up');
  });

  afterAll(async () => {
    await (rig as NodeRig | undefined)?.[Symbol.asyncDispose]();
  });

  test('a node that was told to take its address has no session, and /readiness says from where to what', async () => {
    await rig.resources.apply({
      kind: 'Node',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'n2' },
      spec: { bgp: { ipv4Address: '172.17.0.9/16' } },
    });
    const log: string[] = [];
    const node = rig.startNode(log, { IP_AUTODETECTION_METHOD: 'interface=docker0' });
    const readiness = async (): Promise<string> => {
      const response = await fetch('http://127.0.0.1:9190/readiness').catch(() => undefined);
      return response === undefined ? 'nobody answers' : `${response.status} ${await response.text()}`;
    };
    await expect
      .poll(readiness, { timeout: 20_000 })
      .toMatch(/^503 .*"remedy":"calicoctl node status .*IP_AUTODETECTION_METHOD/);
    const text = await readiness();
    expect(text).toContain(
      ' <- the node is 172.17.0.1/16 on docker0 (IP: interface or stored) <- candidates eth0 (10.9.0.1',
    );
    expect(text).toContain(" <- passed over docker0 (172.17.0.1): such names are not a node's own");
    const ended = once(node, 'exit');
    node.kill('SIGTERM');
    await ended;
  });

  test('first-found passes it over: with no other address nothing starts, and the last words say why and what to do', async () => {
    ip('address', 'flush', 'dev', 'eth0');
    const log: string[] = [];
    const node = rig.startNode(log, { NODENAME: 'n3' });
    expect(await once(node, 'exit')).toEqual([2, null]);
    expect(log.join('')).toMatch(
      /IP: nothing is started <- no IPv4 address found <- no usable IPv4 address on eth0.* <- passed over docker0 \(172\.17\.0\.1\): .*; set IP to .*IP_AUTODETECTION_METHOD/,
    );
    await expect(rig.resources.get('Node', 'n3')).rejects.toMatchObject({ code: 'not-found' });
  });
});
