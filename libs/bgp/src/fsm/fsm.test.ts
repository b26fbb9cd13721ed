import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notification } from '../wire/notification.ts';
import { resolveCollision, type CollisionInput } from './collision.ts';
import { idle, isGracefulLoss, step, type FsmAction, type FsmConfig, type FsmEvent, type FsmState } from './fsm.ts';
import { localOpen, negotiate, type LocalSide } from './session.ts';

const side: LocalSide = {
  localAs: 64512,
  remoteAs: 64513,
  routerId: 1,
  holdSeconds: 90,
  families: [4],
  gracefulRestart: { restartSeconds: 120, restarting: false, forwardingPreserved: true },
};
const otherSide: LocalSide = { ...side, localAs: 64513, remoteAs: 64512, routerId: 2, holdSeconds: 30 };
const config: FsmConfig = { side, passive: false, restarts: true };
const open = localOpen(otherSide);

function run(
  events: readonly FsmEvent[],
  from: FsmState = idle,
  settings = config,
): { state: FsmState; actions: FsmAction[] } {
  let state = from;
  const actions: FsmAction[] = [];
  for (const event of events) {
    const next = step(state, event, settings);
    state = next.state;
    actions.push(...next.actions);
  }
  return { state, actions };
}

const up: readonly FsmEvent[] = [
  { kind: 'start' },
  { kind: 'tcp-connected' },
  { kind: 'open', open },
  { kind: 'keepalive' },
];

describe('the state machine', () => {
  it('goes from Idle to Established by the book', () => {
    const { state, actions } = run(up);
    expect(state).toMatchObject({
      name: 'Established',
      session: { holdSeconds: 30, keepaliveSeconds: 10, external: true },
    });
    expect(actions.map(({ kind }) => kind).filter((kind) => !kind.endsWith('timer'))).toEqual([
      'connect',
      'send-open',
      'send-keepalive',
      'established',
    ]);
  });

  it('waits for the peer when passive, and never connects', () => {
    const passive = { ...config, passive: true };
    expect(run([{ kind: 'start' }, { kind: 'connect-retry-expired' }], idle, passive)).toEqual({
      state: { name: 'Active' },
      actions: [{ kind: 'stop-timer', timer: 'idle-hold' }],
    });
  });

  it('listens on when a connection fails, and tries again', () => {
    const failed = run([{ kind: 'start' }, { kind: 'tcp-failed', reason: 'ECONNREFUSED' }]);
    expect(failed.state.name).toBe('Active');
    expect(run([{ kind: 'connect-retry-expired' }], failed.state).actions).toContainEqual({ kind: 'connect' });
  });

  it.each<readonly [string, readonly FsmEvent[], number, number, readonly number[]]>([
    ['hold timer in OpenSent', [...up.slice(0, 2), { kind: 'hold-expired' }], 4, 0, []],
    ['hold timer in Established', [...up, { kind: 'hold-expired' }], 4, 0, []],
    ['send hold timer (RFC 9687)', [...up, { kind: 'send-hold-expired' }], 8, 0, []],
    ['KEEPALIVE in OpenSent', [...up.slice(0, 2), { kind: 'keepalive' }], 5, 1, [4]],
    ['UPDATE in OpenConfirm', [...up.slice(0, 3), { kind: 'update' }], 5, 2, [2]],
    ['OPEN in Established', [...up, { kind: 'open', open }], 5, 3, [1]],
    ['collision', [...up.slice(0, 3), { kind: 'collision-dump' }], 6, 7, []],
    ['wrong AS', [...up.slice(0, 2), { kind: 'open', open: { ...open, asn: 1 } }], 2, 2, []],
  ])('answers %s with the NOTIFICATION of the RFC', (_name, events, code, subcode, data) => {
    const { state, actions } = run(events);
    expect(state).toEqual(idle);
    expect(actions).toContainEqual({
      kind: 'send-notification',
      notification: { code, subcode, data: Uint8Array.from(data) },
    });
  });

  it('never answers a NOTIFICATION with one', () => {
    for (const count of [2, 3, 4]) {
      const { actions } = run([...up.slice(0, count), { kind: 'notification', notification: notification(6, 2) }]);
      expect(actions.map(({ kind }) => kind)).not.toContain('send-notification');
    }
  });

  it('tells losses that a restart explains from those that end the session', () => {
    expect(isGracefulLoss({ kind: 'transport', detail: 'ECONNRESET' })).toBe(true);
    expect(isGracefulLoss({ kind: 'stopped', notification: undefined })).toBe(true);
    expect(isGracefulLoss({ kind: 'received', notification: notification(6, 4) })).toBe(false);
    expect(isGracefulLoss({ kind: 'sent', notification: notification(4) })).toBe(false);
  });

  it('is sound whatever happens in whatever order', () => {
    const event: fc.Arbitrary<FsmEvent> = fc.constantFrom<FsmEvent>(
      { kind: 'start' },
      { kind: 'stop' },
      { kind: 'stop', notification: notification(6, 2) },
      { kind: 'connect-retry-expired' },
      { kind: 'hold-expired' },
      { kind: 'keepalive-expired' },
      { kind: 'send-hold-expired' },
      { kind: 'tcp-connected' },
      { kind: 'tcp-failed', reason: 'x' },
      { kind: 'open', open },
      { kind: 'message-error', notification: notification(1, 1) },
      { kind: 'collision-dump' },
      { kind: 'notification', notification: notification(6, 4) },
      { kind: 'keepalive' },
      { kind: 'update' },
      { kind: 'route-refresh' },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.boolean(), fc.boolean(), (events, passive, restarts) => {
        let state: FsmState = idle;
        const timers = new Set<string>();
        for (const one of events) {
          const before: FsmState = state;
          const next = step(before, one, { side, passive, restarts });
          state = next.state;
          const kinds = next.actions.map(({ kind }) => kind);
          for (const action of next.actions) {
            if (action.kind === 'start-timer') timers.add(action.timer);
            if (action.kind === 'stop-timer') timers.delete(action.timer);
          }
          // A session is announced once when it begins and once when it ends.
          expect(kinds.includes('established')).toBe(before.name !== 'Established' && state.name === 'Established');
          const ended = next.actions.some((action) => action.kind === 'down' && action.wasEstablished);
          expect(ended).toBe(before.name === 'Established' && state.name !== 'Established');
          // Nothing runs on in Idle but the rest before the next start.
          if (state.name === 'Idle') expect([...timers].filter((timer) => timer !== 'idle-hold')).toEqual([]);
          if (passive) expect(before.name === 'Active' && kinds.includes('connect')).toBe(false);
          // A peer that is silent is noticed.
          if (['OpenSent', 'OpenConfirm', 'Established'].includes(state.name)) expect(timers).toContain('hold');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('negotiation', () => {
  it('agrees on the smaller hold time and what both can do', () => {
    const [a, b] = [negotiate(side, localOpen(otherSide)), negotiate(otherSide, localOpen(side))];
    expect(a).toMatchObject({
      ok: true,
      session: { holdSeconds: 30, families: [4], as4: true, extendedMessage: true, routeRefresh: true },
    });
    expect(b).toMatchObject({ ok: true, session: { holdSeconds: 30 } });
  });

  it('tells nothing of itself to a peer that refused capabilities, and takes it for one of old (RFC 5492 3)', () => {
    const bare = { ...side, localAs: 4_200_000_000, isBare: true };
    expect(localOpen(bare).capabilities).toEqual([]);
    expect(negotiate(bare, { ...localOpen({ ...side, localAs: 64512 }), asn: bare.remoteAs })).toMatchObject({
      ok: true,
      session: { as4: false, families: [4], gracefulRestart: undefined, addPathSend: [] },
    });
  });

  it('refuses a peer without a common family, and lists what is missing', () => {
    const result = negotiate({ ...side, families: [6] }, { ...open, capabilities: [] });
    expect(result).toEqual({ ok: false, notification: { code: 2, subcode: 7, data: Uint8Array.of(1, 4, 0, 2, 0, 1) } });
  });

  it('starts the send hold timer with the session, where one is wanted', () => {
    const withTimer = { ...config, side: { ...side, sendHoldSeconds: 480 } };
    const timer = { kind: 'start-timer', timer: 'send-hold', seconds: 480 };
    expect(run(up, idle, withTimer).actions).toContainEqual(timer);
    expect(run(up).actions).not.toContainEqual(timer);
  });

  it('has paths sent where one side sends and the other receives (RFC 7911 4)', () => {
    const agreed = (a: LocalSide['addPath'], b: LocalSide['addPath']): unknown => {
      const result = negotiate({ ...side, addPath: a }, localOpen({ ...otherSide, addPath: b }));
      return result.ok && [result.session.addPathSend, result.session.addPathReceive];
    };
    const [send, receive] = [
      { send: true, receive: false },
      { send: false, receive: true },
    ];
    expect(agreed(send, receive)).toEqual([[4], []]);
    expect(agreed(receive, send)).toEqual([[], [4]]);
    expect(agreed(send, send)).toEqual([[], []]);
    expect(agreed(send, undefined)).toEqual([[], []]);
  });

  it.each([
    ['provider', 'customer', true],
    ['customer', 'provider', true],
    ['peer', 'peer', true],
    ['route-server', 'route-server-client', true],
    ['provider', 'provider', false],
    ['peer', 'customer', false],
    ['customer', 'route-server', false],
  ] as const)('as %s takes a %s: %s (RFC 9234 4.2)', (role, theirs, isAgreed) => {
    const theirOpen = localOpen({ ...otherSide, role: { role: theirs, strict: false } });
    const result = negotiate({ ...side, role: { role, strict: false } }, theirOpen);
    if (isAgreed) expect(result).toMatchObject({ ok: true, session: { role } });
    else expect(result).toMatchObject({ ok: false, notification: { code: 2, subcode: 11 } });
  });

  it('takes a peer that tells no role, unless it is to be strict about it', () => {
    expect(negotiate({ ...side, role: { role: 'peer', strict: false } }, open)).toMatchObject({ ok: true });
    expect(negotiate({ ...side, role: { role: 'peer', strict: true } }, open)).toMatchObject({
      ok: false,
      notification: { code: 2, subcode: 11 },
    });
  });

  it('carries IPv4 over IPv6 only where both take next hops of IPv6 (RFC 8950)', () => {
    const over6 = { ...side, families: [4, 6], extendedNextHop: true } as const;
    const theirs = { ...otherSide, families: [4, 6] } as const;
    expect(negotiate(over6, localOpen({ ...theirs, extendedNextHop: true }))).toMatchObject({
      session: { families: [4, 6], extendedNextHop: true },
    });
    expect(negotiate(over6, localOpen(theirs))).toMatchObject({ session: { families: [6], extendedNextHop: false } });
  });

  it('keeps stale routes for long only beside graceful restart (RFC 9494 4.1)', () => {
    const ours = { ...side, longLivedSeconds: 60 };
    const both = negotiate(ours, localOpen({ ...otherSide, longLivedSeconds: 30 }));
    expect(both).toMatchObject({ session: { longLivedRestart: [{ family: 4, staleSeconds: 30 }] } });
    const { capabilities, ...rest } = localOpen({ ...otherSide, longLivedSeconds: 30 });
    const without = capabilities.filter(({ kind }) => kind !== 'graceful-restart');
    expect(negotiate(ours, { ...rest, capabilities: without })).toMatchObject({ session: { longLivedRestart: [] } });
  });

  it('refuses an internal peer with our own identifier', () => {
    const result = negotiate({ ...side, remoteAs: 64512 }, { ...open, asn: 64512, routerId: 1 });
    expect(result).toMatchObject({ ok: false, notification: { code: 2, subcode: 3 } });
  });
});

describe('collision detection', () => {
  const base: CollisionInput = {
    existing: { state: 'OpenConfirm', initiator: 'local', establishedMs: 0 },
    initiator: 'remote',
    local: { routerId: 5, asn: 1 },
    remote: { routerId: 9, asn: 1 },
    gracefulRestart: false,
    restarted: false,
  };

  it('makes both sides keep the same connection, in whichever order the OPENs come', () => {
    const id = fc.record({ routerId: fc.integer({ min: 1, max: 3 }), asn: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(
        id,
        id,
        fc.constantFrom('local' as const, 'remote' as const),
        fc.constantFrom('local' as const, 'remote' as const),
        (a, b, first, second) => {
          fc.pre(a.routerId !== b.routerId || a.asn !== b.asn);
          const survivor = (local: typeof a, remote: typeof b, existing: 'local' | 'remote'): 'local' | 'remote' => {
            const initiator = existing === 'local' ? 'remote' : 'local';
            const verdict = resolveCollision({
              ...base,
              existing: { ...base.existing, initiator: existing },
              initiator,
              local,
              remote,
            });
            return verdict === 'drop-new' ? existing : initiator;
          };
          const atA = survivor(a, b, first);
          const atB = survivor(b, a, second);
          expect(atA).not.toBe(atB); // what one side opened, the other accepted
        },
      ),
    );
  });

  it('keeps an established session, unless the peer has restarted', () => {
    const existing = { state: 'Established', initiator: 'local', establishedMs: 60_000 } as const;
    expect(resolveCollision({ ...base, existing })).toBe('drop-new');
    expect(resolveCollision({ ...base, existing, gracefulRestart: true })).toBe('replace-existing');
    const young = { ...existing, establishedMs: 100 };
    expect(resolveCollision({ ...base, existing: young, gracefulRestart: true })).toBe('drop-new');
    expect(resolveCollision({ ...base, existing: young, gracefulRestart: true, restarted: true })).toBe(
      'replace-existing',
    );
  });

  it('prefers the newer of two connections from the same side', () => {
    expect(resolveCollision({ ...base, existing: { ...base.existing, initiator: 'remote' } })).toBe('drop-existing');
  });
});
