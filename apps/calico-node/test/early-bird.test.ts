import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EarlyRig, ip } from './early-rig.ts';

const birdReady = /"process":"bird"[^\n]*"process ready"/;
const defaultRoute = (): string => ip('-4', 'route', 'show', 'default');
const both = [true, true];
let rig: EarlyRig;
let node: ChildProcess;
let log: string[];

beforeAll(async () => {
  rig = await EarlyRig.start({ CALICO_NETWORKING_BACKEND: 'bird', CALICO_BIRD_CONFIG_DIR: '@/bird' });
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

describe('a node with BIRD between two ToRs', () => {
  test('has its early network, which BIRD takes over without a gap', { timeout: 90_000 }, async () => {
    [node, log] = rig.startNode([], { WAIT_FOR_DATASTORE: 'true' });
    await expect.poll(() => rig.established(), { timeout: 20_000 }).toBe(2);
    await expect.poll(defaultRoute, { timeout: 20_000 }).toMatch(/proto bird[^]*plane0[^]*plane1/);
    expect(await rig.areReaching()).toEqual(both);
    await rig.expectNoGap(async () => {
      await rig.startStore();
      await expect.poll(() => log.join(''), { timeout: 30_000 }).toContain('its routes stay');
      await expect.poll(() => rig.established(), { timeout: 20_000 }).toBe(2);
      await expect.poll(() => log.join(''), { timeout: 20_000 }).toMatch(birdReady);
      expect(await rig.areReaching()).toEqual(both);
      expect(defaultRoute()).toMatch(/proto bird[^]*plane0[^]*plane1/);
    });
    await expect
      .poll(async () => (await rig.readiness())['early-networking']?.reason, { timeout: 10_000 })
      .toBe("the node's own daemon speaks BGP");
  });

  test('started again leaves BGP to BIRD, whose routes the ToRs still have', { timeout: 60_000 }, async () => {
    const exited = once(node, 'exit');
    node.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(await rig.areReaching()).toEqual(both);
    [node, log] = rig.startNode();
    await expect.poll(() => log.join(''), { timeout: 30_000 }).toMatch(birdReady);
    expect(log.join('')).not.toContain('early BGP speaks');
    expect(await rig.areReaching()).toEqual(both);
    expect(defaultRoute()).toContain('proto bird');
  });
});
