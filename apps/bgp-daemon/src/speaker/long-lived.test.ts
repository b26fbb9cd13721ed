import { negotiate, type LongLivedRestart } from '@calico-node/bgp';
import type { Family } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import { longLivedOf } from './long-lived.ts';

/** Of a session over which the peer carries some families, and says how long the routes of some may be kept. */
function after(carried: readonly Family[], told: readonly LongLivedRestart[], configured?: number): unknown {
  const side = {
    localAs: 1,
    remoteAs: 1,
    routerId: 1,
    holdSeconds: 90,
    families: [4, 6],
    longLivedSeconds: 9,
  } as const;
  const agreed = negotiate(side, {
    asn: 1,
    holdSeconds: 90,
    routerId: 2,
    capabilities: [
      ...carried.map((family) => ({ kind: 'multiprotocol', family }) as const),
      { kind: 'graceful-restart', restarting: false, notification: false, restartSeconds: 1, families: [] },
      { kind: 'long-lived-restart', entries: told },
    ],
  });
  if (!agreed.ok) throw new Error('no session');
  return longLivedOf(agreed.session, configured);
}

const stale = (family: Family, staleSeconds: number): LongLivedRestart => ({
  family,
  staleSeconds,
  forwardingPreserved: true,
});

describe('how long stale routes are kept (RFC 9494 4.2)', () => {
  it('is as short as the shortest that counts', () => {
    expect(after([4, 6], [stale(4, 20), stale(6, 30)], 25)).toEqual({ families: [4, 6], seconds: 20 });
    expect(after([4, 6], [stale(4, 20), stale(6, 30)], 7)).toEqual({ families: [4, 6], seconds: 7 });
  });

  it('depends on nothing that the session does not carry, and concerns no family that the peer does not name', () => {
    expect(after([4], [stale(4, 20)], 25)).toEqual({ families: [4], seconds: 20 });
    expect(after([4, 6], [stale(6, 30), stale(4, 0)], 25)).toEqual({ families: [6], seconds: 25 });
  });

  it('is nothing where either side does not want it', () => {
    const nothing = { families: [], seconds: 0 };
    expect(after([4], [stale(4, 20)])).toEqual(nothing);
    expect(after([4], [], 25)).toEqual(nothing);
    expect(longLivedOf(undefined, 25)).toEqual(nothing);
  });
});
