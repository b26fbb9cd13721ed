import { parseIp } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import type { Session } from '../bgp/report.ts';
import { earlyReport, speakerReadiness } from './early-readiness.ts';
import { firstTurn } from './turn.ts';

const session = (address: string, state: Session['state']): Session => ({
  address: parseIp(address),
  type: 'GlobalPeer',
  state,
  since: '',
});
const well = { turn: firstTurn, hostTrouble: undefined, causes: [], isLost: false };

describe('the early speaker', () => {
  test('is ready while one ToR hears it', () => {
    const sessions = [session('172.31.11.1', 'Established'), session('172.31.12.1', 'Active')];
    expect(speakerReadiness(sessions)).toEqual({ ready: true, reason: '' });
  });

  test('names each ToR that does not hear it when none does', () => {
    const sessions = [session('172.31.11.1', 'Connect'), session('172.31.12.1', 'Active')];
    expect(speakerReadiness(sessions)).toEqual({
      ready: false,
      reason: 'no session with a ToR: 172.31.11.1 is Connect, 172.31.12.1 is Active',
    });
  });
});

describe('early networking says', () => {
  test('whose turn it is', () => {
    expect(earlyReport(well)).toEqual({ ready: true, reason: "early BGP speaks until the node's own daemon does" });
    expect(earlyReport({ ...well, turn: { isEarly: false, goneMs: undefined } })).toEqual({
      ready: true,
      reason: "the node's own daemon speaks BGP",
    });
    expect(earlyReport({ ...well, turn: { isEarly: false, goneMs: 1 } }).reason).toContain('away');
  });

  test('why its speaker is not ready, and what to do', () => {
    const causes = [{ name: 'early-bgp', chain: 'no session with a ToR: 172.31.11.1 is Active', remedy: 'look' }];
    expect(earlyReport({ ...well, causes })).toEqual({
      ready: false,
      live: true,
      reason: 'early BGP: no session with a ToR: 172.31.11.1 is Active',
      remedy: 'look',
    });
    expect(earlyReport({ ...well, causes, isLost: true })).toMatchObject({ live: false });
  });

  test('nothing of a speaker whose turn is over', () => {
    const causes = [{ name: 'early-bgp', chain: 'no session', remedy: undefined }];
    expect(earlyReport({ ...well, causes, turn: { isEarly: false, goneMs: undefined } }).ready).toBe(true);
  });

  test("first that the host's own network cannot be kept up", () => {
    expect(earlyReport({ ...well, hostTrouble: 'EPERM' })).toEqual({
      ready: false,
      reason: "the host's addresses and routes towards the ToRs cannot be kept up: EPERM",
      remedy: 'run it as root, in a container with NET_ADMIN, NET_RAW, NET_BIND_SERVICE and SYS_ADMIN',
    });
  });
});
