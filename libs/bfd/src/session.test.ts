import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnostic, type ControlPacket } from './packet.ts';
import {
  detectionTimeUs,
  initialBfdSession,
  jitteredUs,
  stepBfd,
  transmitIntervalUs,
  type BfdConfig,
  type BfdEvent,
  type BfdSession,
  type BfdStep,
} from './session.ts';

const config: BfdConfig = { discriminator: 1, minTxUs: 300_000, minRxUs: 200_000, multiplier: 3, passive: false };
const otherConfig: BfdConfig = { ...config, discriminator: 2, minTxUs: 100_000, minRxUs: 400_000, multiplier: 5 };

/** The packets that a step sends. */
const sent = ({ actions }: BfdStep): ControlPacket[] =>
  actions.flatMap((action) => (action.kind === 'send' ? [action.packet] : []));

/** Two ends that hear each other, until both have no more to say at once. */
class Pair {
  readonly ends: { session: BfdSession; readonly config: BfdConfig }[];

  constructor(a: BfdConfig = config, b: BfdConfig = otherConfig) {
    this.ends = [a, b].map((each) => ({ session: initialBfdSession, config: each }));
  }

  event(at: 0 | 1, event: BfdEvent): BfdStep {
    const end = this.ends[at]!;
    const result = stepBfd(end.session, event, end.config);
    end.session = result.session;
    for (const packet of sent(result)) this.event(at === 0 ? 1 : 0, { kind: 'packet', packet });
    return result;
  }

  up(): this {
    this.event(0, { kind: 'start' });
    this.event(1, { kind: 'start' });
    for (let round = 0; round < 3; round++)
      for (const at of [0, 1] as const) this.event(at, { kind: 'transmit-expired' });
    return this;
  }

  get states(): string[] {
    return this.ends.map(({ session }) => session.state);
  }
}

describe('a BFD session', () => {
  it('comes up with another, and agrees on intervals by polling', () => {
    const pair = new Pair().up();
    expect(pair.states).toEqual(['Up', 'Up']);
    expect(pair.ends.map(({ session }) => session.isPolling)).toEqual([false, false]);
    // The slower of what we want and the other side takes; its multiplier for the detection.
    expect(pair.ends.map((end) => transmitIntervalUs(end.session, end.config))).toEqual([400_000, 200_000]);
    expect(pair.ends.map((end) => detectionTimeUs(end.session, end.config))).toEqual([1_000_000, 1_200_000]);
  });

  it('sends once a second at most until it is up', () => {
    const { actions } = stepBfd(initialBfdSession, { kind: 'start' }, config);
    expect(actions).toContainEqual({ kind: 'start-transmit', intervalUs: 1_000_000 });
  });

  it('goes down when nothing comes, and forgets whom it heard', () => {
    const pair = new Pair().up();
    const end = pair.ends[0]!;
    const { session, actions } = stepBfd(end.session, { kind: 'detection-expired' }, config);
    expect(session).toMatchObject({ state: 'Down', remote: undefined, diagnostic: diagnostic.detectionTimeExpired });
    expect(actions).toContainEqual({ kind: 'changed', from: 'Up', to: 'Down', cause: 'detection time expired' });
  });

  it('goes down when the other side says so, and tells an end on purpose from a failure', () => {
    const failed = new Pair().up();
    const last = sent(stepBfd(failed.ends[0]!.session, { kind: 'detection-expired' }, config))[0]!;
    expect(stepBfd(failed.ends[1]!.session, { kind: 'packet', packet: last }, otherConfig).actions).toContainEqual({
      kind: 'changed',
      from: 'Up',
      to: 'Down',
      cause: 'the neighbour signalled down',
    });
    const pair = new Pair().up();
    const { actions } = stepBfd(
      pair.ends[1]!.session,
      { kind: 'packet', packet: sent(stepBfd(pair.ends[0]!.session, { kind: 'disable' }, config))[0]! },
      otherConfig,
    );
    expect(actions).toContainEqual({
      kind: 'changed',
      from: 'Up',
      to: 'Down',
      cause: 'the neighbour is administratively down',
    });
  });

  it('says nothing first when it is passive', () => {
    const passive = { ...otherConfig, passive: true };
    expect(sent(stepBfd(initialBfdSession, { kind: 'start' }, passive))).toEqual([]);
    expect(new Pair(config, passive).up().states).toEqual(['Up', 'Up']);
    expect(new Pair({ ...config, passive: true }, passive).up().states).toEqual(['Down', 'Down']);
  });

  it('answers a poll at once', () => {
    const pair = new Pair().up();
    const [packet] = sent(pair.event(0, { kind: 'transmit-expired' }));
    const { session } = pair.ends[1]!;
    const answers = sent(stepBfd(session, { kind: 'packet', packet: { ...packet!, poll: true } }, otherConfig));
    expect(answers).toMatchObject([{ final: true, poll: false, state: 'Up' }]);
  });

  it('keeps the old detection time and interval until the other side knows of slower or faster ones', () => {
    const pair = new Pair().up();
    const end = pair.ends[0]!;
    const changed = { ...config, minTxUs: 900_000, minRxUs: 50_000 };
    const { session } = stepBfd(end.session, { kind: 'reconfigured', before: config }, changed);
    expect(session.isPolling).toBe(true);
    expect([transmitIntervalUs(session, changed), detectionTimeUs(session, changed)]).toEqual([400_000, 1_000_000]);
    const remote = sent(stepBfd(pair.ends[1]!.session, { kind: 'transmit-expired' }, otherConfig))[0]!;
    const after = stepBfd(session, { kind: 'packet', packet: { ...remote, final: true } }, changed);
    expect(after.session.isPolling).toBe(false);
    expect([transmitIntervalUs(after.session, changed), detectionTimeUs(after.session, changed)]).toEqual([
      900_000, 500_000,
    ]);
  });

  it('stops sending to a side that demands it, or takes nothing, and still answers polls', () => {
    const pair = new Pair().up();
    const packet = sent(stepBfd(pair.ends[1]!.session, { kind: 'transmit-expired' }, otherConfig))[0]!;
    for (const demand of [{ demand: true }, { requiredMinRxUs: 0 }]) {
      const { session, actions } = stepBfd(
        pair.ends[0]!.session,
        { kind: 'packet', packet: { ...packet, ...demand, poll: true } },
        config,
      );
      expect(session.state).toBe('Up');
      expect(actions).toContainEqual({ kind: 'stop-transmit' });
      expect(actions).toContainEqual(expect.objectContaining({ kind: 'send' }));
    }
  });

  it('hears nothing once it is disabled', () => {
    const pair = new Pair().up();
    pair.event(0, { kind: 'disable' });
    pair.event(1, { kind: 'transmit-expired' });
    expect(pair.states[0]).toBe('AdminDown');
  });

  it('tells that it is disabled for a detection time of the other side', () => {
    const pair = new Pair().up();
    const { actions } = pair.event(0, { kind: 'disable' });
    const [near, far] = pair.ends.map(({ session }) => session);
    expect(actions).toContainEqual({ kind: 'start-transmit', intervalUs: 1_000_000 });
    expect(actions).toContainEqual({ kind: 'start-farewell', timeUs: detectionTimeUs(far!, otherConfig) });
    expect(sent(stepBfd(near!, { kind: 'transmit-expired' }, config))).toMatchObject([{ state: 'AdminDown' }]);
  });

  it('is over at once when it is disabled before anybody was heard', () => {
    const { actions } = stepBfd(initialBfdSession, { kind: 'disable' }, config);
    expect(actions).toContainEqual({ kind: 'stop-transmit' });
    expect(actions).toContainEqual({ kind: 'start-farewell', timeUs: 0 });
  });

  it('shortens intervals by up to a quarter, by a tenth at least when one packet counts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 255 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (multiplier, random) => {
          const us = jitteredUs(1000, multiplier, random);
          expect(us).toBeGreaterThanOrEqual(750);
          expect(us).toBeLessThanOrEqual(multiplier === 1 ? 900 : 1000);
        },
      ),
    );
  });

  it('has both sides up again after any loss of packets', () => {
    const steps = fc.array(
      fc.record({ at: fc.constantFrom(0 as const, 1 as const), lost: fc.boolean(), expires: fc.boolean() }),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(steps, (moves) => {
        const pair = new Pair();
        for (const { at, lost, expires } of moves) {
          const event = { kind: expires ? 'detection-expired' : 'transmit-expired' } as const;
          const end = pair.ends[at]!;
          if (lost) end.session = stepBfd(end.session, event, end.config).session;
          else pair.event(at, event);
        }
        for (let round = 0; round < 6; round++)
          for (const at of [0, 1] as const) pair.event(at, { kind: 'transmit-expired' });
        expect(pair.states).toEqual(['Up', 'Up']);
      }),
    );
  });
});
