import { expect, test } from 'vitest';
import { firstTurn, isListening, nextTurn, turnAtStart } from './turn.ts';

test("the early speaker yields to the node's own at once", () => {
  expect(nextTurn(firstTurn, false, 0)).toEqual(firstTurn);
  expect(nextTurn(firstTurn, true, 0).isEarly).toBe(false);
});

test("it comes back when the node's own has been away for longer than a restart takes", () => {
  const away = nextTurn(nextTurn(firstTurn, true, 0), false, 1000);
  expect(away).toEqual({ isEarly: false, goneMs: 1000 });
  expect(nextTurn(away, false, 120_999)).toEqual(away);
  expect(nextTurn(away, false, 121_000)).toEqual(firstTurn);
  expect(nextTurn(away, true, 121_000)).toEqual({ isEarly: false, goneMs: undefined });
});

test("it leaves a start over routes of an earlier life to the node's own, for half of a restart's time", () => {
  expect(turnAtStart(false, 5000)).toEqual(firstTurn);
  const turn = turnAtStart(true, 5000);
  expect(nextTurn(turn, false, 64_999).isEarly).toBe(false);
  expect(nextTurn(turn, false, 65_000)).toEqual(firstTurn);
});

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1FF3 0100007F:8D12 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
`;

test.each([
  [179, true],
  [8179, false],
  [3, false],
])("that somebody listens on %i is read off the kernel's table of sockets: %s", (port, expected) => {
  expect(isListening(table, port)).toBe(expected);
});
