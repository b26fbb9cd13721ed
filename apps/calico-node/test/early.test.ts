import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findOrphans } from '../src/supervisor/orphans.ts';
import { EarlyRig, ip, layout, stable } from './early-rig.ts';
import { finish } from './node-rig.ts';

/** In the log. */
const ownReady = /"process":"bgp-daemon"[^\n]*"process ready"/;
const defaultRoute = (): string => ip('-4', 'route', 'show', 'default');
const both = [true, true];
let rig: EarlyRig;
let node: ChildProcess;
let log: string[];

beforeAll(async () => {
  rig = await EarlyRig.start();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

describe('a node between two ToRs', () => {
  test('refuses a file with mistakes before it changes anything', async () => {
    writeFileSync(rig.file, layout.replace(`address: ${stable}`, 'address: anywhere'));
    const { code, stderr } = await finish(rig.runNode());
    expect(code).toBe(2);
    expect(stderr).toContain(`CALICO_EARLY_NETWORKING='${rig.file}' has mistakes; nothing was changed`);
    expect(stderr).toContain('spec.nodes[1].stableAddress.address is "anywhere": must be an IPv4 address');
    expect(ip('address', 'show', 'dev', 'lo')).not.toContain('172.31');
  });

  test('says of ToRs that do not hear it why there is no datastore', { timeout: 40_000 }, async () => {
    writeFileSync(rig.file, layout);
    for (const tor of rig.tors) rig.birdc(tor, 'disable', 'node');
    [node, log] = rig.startNode([], { WAIT_FOR_DATASTORE: 'true' });
    const noSession = /no session with a ToR: 172\.31\.11\.1 is \w+, 172\.31\.12\.1 is \w+/;
    const report = async () => (await rig.readiness().catch(() => undefined))?.['early-networking'];
    await expect.poll(report, { timeout: 20_000 }).toMatchObject({
      ok: false,
      reason: expect.stringMatching(noSession) as string,
    });
    await expect
      .poll(async () => (await rig.readiness())['startup'], { timeout: 10_000 })
      .toMatchObject({ reason: expect.stringMatching(/^datastore: etcd at [^]* <- early BGP: no session/) as string });
    for (const tor of rig.tors) rig.birdc(tor, 'enable', 'node');
    await expect.poll(report, { timeout: 20_000 }).toEqual({
      ok: true,
      reason: "early BGP speaks until the node's own daemon does",
    });
  });

  test('has its stable address, and routes over both, while there is no datastore', { timeout: 40_000 }, async () => {
    for (const tor of rig.tors) {
      await expect.poll(() => rig.learntBy(tor), { timeout: 20_000 }).toContain(`via ${tor.net}.3`);
    }
    await expect.poll(defaultRoute, { timeout: 10_000 }).toMatch(/proto bird/);
    await expect.poll(defaultRoute).toMatch(/via 172\.31\.11\.1 dev plane0 weight 1[^]*via 172\.31\.12\.1 dev plane1/);
    expect(await rig.areReaching()).toEqual(both);
    expect(ip('route', 'get', '192.0.2.1')).toContain(`src ${stable}`);
    expect(ip('address', 'show', 'dev', 'plane0')).toContain('inet 172.31.11.3/24 scope link');
  });

  test('its own speaker takes over without a gap once there is one', { timeout: 60_000 }, async () => {
    await rig.expectNoGap(async () => {
      await rig.startStore();
      await expect.poll(() => log.join(''), { timeout: 30_000 }).toContain('its routes stay');
      await expect.poll(() => rig.established(), { timeout: 20_000 }).toBe(2);
      await expect.poll(() => log.join(''), { timeout: 20_000 }).toMatch(ownReady);
      expect(await rig.areReaching()).toEqual(both);
      expect(defaultRoute()).toMatch(/proto bird[^]*plane0[^]*plane1/);
    });
    await expect
      .poll(async () => (await rig.readiness())['early-networking'], { timeout: 20_000 })
      .toEqual({ ok: true, reason: "the node's own daemon speaks BGP" });
    expect(await rig.useStore((resources) => resources.get('Node', 'n1'))).toMatchObject({
      metadata: { labels: { rack: 'ra' } },
      spec: { bgp: { ipv4Address: `${stable}/32`, asNumber: 65001 } },
    });
  });

  test('ends with its routes in place and no process left', async () => {
    const exited = once(node, 'exit');
    node.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect([...findOrphans(join(rig.dir, 'run')), ...findOrphans(join(rig.dir, 'run/early'))]).toEqual([]);
    expect(defaultRoute()).toContain('proto bird');
    expect(await rig.areReaching()).toEqual(both);
  });

  test(
    'started again leaves BGP to its own speaker, whose routes the ToRs still have',
    { timeout: 40_000 },
    async () => {
      [node, log] = rig.startNode();
      await expect.poll(() => log.join(''), { timeout: 30_000 }).toMatch(ownReady);
      expect(log.join('')).not.toContain('early BGP speaks');
      expect(await rig.areReaching()).toEqual(both);
      const exited = once(node, 'exit');
      node.kill('SIGTERM');
      await exited;
    },
  );

  test('may have its early network from a process of its own', { timeout: 40_000 }, async () => {
    ip('route', 'flush', 'proto', 'bird');
    ip('address', 'del', '172.31.11.3/24', 'dev', 'plane0');
    ip('address', 'add', '172.31.11.3/24', 'dev', 'plane0');
    ip('route', 'add', 'default', 'via', '172.31.11.1', 'metric', '50', 'src', '172.31.11.3');
    const legacy = '  legacy: { nodeIPFromDefaultRoute: true, unconditionalDefaultRouteProgramming: true }\n';
    writeFileSync(rig.file, layout + legacy);
    const [alone] = rig.startNode(['-early'], { CALICO_LIB_DIR: join(rig.dir, 'other') });
    for (const tor of rig.tors) {
      ip('-n', tor.name, 'route', 'flush', 'proto', 'bird', 'exact', `${stable}/32`);
      rig.birdc(tor, 'restart', 'node');
      await expect.poll(() => rig.learntBy(tor), { timeout: 20_000 }).toContain(`via ${tor.net}.3`);
    }
    expect(defaultRoute()).toMatch(/default via 172\.31\.11\.1 dev plane0 metric 50 *$/m);
    expect(defaultRoute()).toMatch(/default proto static metric 4096[^]*plane0[^]*plane1/);
    const exited = once(alone, 'exit');
    alone.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(findOrphans(join(rig.dir, 'run/early-only'))).toEqual([]);
  });
});
