import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bgpV1, RpcError, serveUnix, streaming, unary } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';
import type { Result } from './cli.ts';

let directory: string;
let server: Awaited<ReturnType<typeof serveUnix>> | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calicoctl-'));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function calicoctl(...args: readonly string[]): Promise<Result> {
  const io = fakeIo({ env: { CALICO_RUN_DIR: directory, CALICO_LIB_DIR: directory } });
  const code = await runCalicoctl(['bgp', ...args], io);
  const stdout = io.stdout.replaceAll(/ +$/gm, '');
  return { code, stdout, stderr: io.stderr };
}

/** The words of sessions shut down. */
const told: string[] = [];

const learnt = bgpV1.Route.fromPartial({
  prefix: '10.244.2.0/26',
  nextHop: '10.0.0.2',
  source: 'Mesh_10_0_0_2',
  best: true,
  asPath: '64513 64514',
  communities: ['64512:1', '1:2:3'],
  localPref: 100,
  med: 5,
  origin: 'IGP',
});

async function serve(): Promise<void> {
  const since = BigInt(new Date(2026, 0, 2, 8, 0, 0).getTime());
  const unused = unary(() => {
    throw new RpcError('UNIMPLEMENTED', 'not asked for here');
  });
  server = await serveUnix(join(directory, 'bgp.sock'), [
    [
      bgpV1.BgpServiceService,
      {
        applyConfig: unused,
        getConfig: unused,
        getStatus: unused,
        listPeers: unary(() => ({
          peers: [
            bgpV1.Peer.fromPartial({
              name: 'Mesh_10_0_0_2',
              address: '10.0.0.2',
              remoteAs: 64512,
              state: bgpV1.SessionState.ESTABLISHED,
              sinceUnixMillis: since,
              prefixesReceived: 3n,
              prefixesSent: 1n,
              lastError: 'Socket: closed',
            }),
            bgpV1.Peer.fromPartial({
              name: 'tor',
              address: '10.0.0.254',
              remoteAs: 64513,
              state: bgpV1.SessionState.ACTIVE,
              stale: true,
              sinceUnixMillis: since,
              lastError: 'Socket: closed',
            }),
          ],
        })),
        streamRoutes: streaming(({ prefix, peer }: bgpV1.ListRoutesRequest) => {
          const isAsked = (prefix === '' || prefix === learnt.prefix) && (peer === '' || peer === learnt.source);
          return [{ routes: isAsked ? [learnt] : [] }];
        }),
        shutdownPeer: unary(({ peer, message }: bgpV1.ShutdownPeerRequest) => {
          if (peer !== 'tor') throw new RpcError('NOT_FOUND', `there is no peer '${peer}'`);
          told.push(message);
          return {};
        }),
        reloadPeer: unary(({ peer, hard }: bgpV1.ReloadPeerRequest) => {
          const count = peer === '' ? 2 : 1;
          return hard ? { refreshed: 0, restarted: count } : { refreshed: count, restarted: 0 };
        }),
        explainRoute: unary(({ prefix }: bgpV1.ExplainRouteRequest) => {
          if (prefix === 'x') throw new RpcError('INVALID_ARGUMENT', "prefix: 'x' is not a prefix");
          if (prefix !== learnt.prefix) return { paths: [], exports: [] };
          const other = { ...learnt, source: 'tor', nextHop: '10.0.0.254', best: false };
          return {
            paths: [
              { route: learnt, verdict: 'best' },
              { route: other, verdict: 'not best: its AS path is longer' },
            ],
            exports: [
              { peer: 'Mesh_10_0_0_2', announced: false, reason: 'the best path came from this peer' },
              { peer: 'tor', announced: true, reason: 'it is in a pool or range that is announced' },
            ],
          };
        }),
      },
    ],
  ]);
}

describe('calicoctl bgp', () => {
  it('shows sessions, routes and reasons', async () => {
    await serve();
    expect(await calicoctl('peers')).toEqual({
      code: 0,
      stderr: '',
      stdout: `NAME            ADDRESS      AS      STATE                  FOR    RECEIVED   SENT   LAST-ERROR
Mesh_10_0_0_2   10.0.0.2     64512   Established            4h0m   3          1
tor             10.0.0.254   64513   Active (routes kept)   4h0m   0          0      Socket: closed
`,
    });
    const table = `   PREFIX          NEXT-HOP   SOURCE          LOCAL-PREF   MED   PATH            COMMUNITIES
*  10.244.2.0/26   10.0.0.2   Mesh_10_0_0_2   100          5     64513 64514 i   64512:1 1:2:3
`;
    expect((await calicoctl('routes')).stdout).toBe(table);
    expect((await calicoctl('route', '10.244.2.0/26')).stdout).toBe(table);
    expect((await calicoctl('routes', '--peer', 'tor')).stdout).toBe('No routes.\n');
    expect((await calicoctl('explain', '10.244.2.0/26')).stdout).toBe(`Paths to 10.244.2.0/26:
  SOURCE          NEXT-HOP     VERDICT
  Mesh_10_0_0_2   10.0.0.2     best
  tor             10.0.0.254   not best: its AS path is longer

Announced:
  PEER            TOLD   BECAUSE
  Mesh_10_0_0_2   no     the best path came from this peer
  tor             yes    it is in a pool or range that is announced
`);
    expect((await calicoctl('explain', '10.9.9.0/24')).stdout).toBe('No path to 10.9.9.0/24 is known.\n');
  });

  it('ends sessions with words for the other side, and starts or refreshes them', async () => {
    await serve();
    expect((await calicoctl('shutdown', 'tor', '--message', 'back at noon')).stdout).toBe(
      "Session with tor shut down; 'calicoctl bgp reload tor' starts it again.\n",
    );
    expect(told).toEqual(['back at noon']);
    expect((await calicoctl('reload')).stdout).toBe('Refreshed: 2, started anew: 0.\n');
    expect((await calicoctl('reload', 'tor', '--hard')).stdout).toBe('Refreshed: 0, started anew: 1.\n');
    expect((await calicoctl('shutdown', 'nobody')).stderr).toContain("there is no peer 'nobody'");
    expect((await calicoctl('shutdown', 'tor', '-m', 'x'.repeat(256))).stderr).toContain('longer than 255 octets');
  });

  it('says what is wrong with a prefix, and when there is no daemon', async () => {
    const silent = await calicoctl('peers');
    expect(silent).toMatchObject({ code: 1, stdout: '' });
    expect(silent.stderr).toContain(`no BGP daemon listens on ${directory}/bgp.sock`);
    await serve();
    const refused = await calicoctl('explain', 'x');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain("'x' is not a prefix");
  });
});
