import type { LoggedPacket, NflogOptions } from '@calico-node/netlink/nflog';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogListener } from './log-listener.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A log of which one reader at a time hears. */
function newLog() {
  let reader: Pick<NflogOptions, 'onPacket' | 'onOverrun'> | undefined;
  let isTaken = false;
  return {
    open: (handlers: Pick<NflogOptions, 'onPacket' | 'onOverrun'>) => {
      if (isTaken) throw new Error('somebody else reads it');
      reader = handlers;
      return { [Symbol.dispose]: () => void (reader = undefined) };
    },
    tell: (packets: number) => {
      for (let number = 0; number < packets; number++) reader?.onPacket({ prefix: '', headers: new Uint8Array() });
    },
    overrun: () => reader?.onOverrun(),
    isRead: () => reader !== undefined,
    take: (taken: boolean) => {
      isTaken = taken;
    },
  };
}

function listenTo(log: ReturnType<typeof newLog>) {
  const heard: LoggedPacket[] = [];
  return { heard, listener: new LogListener({ open: log.open, limit: 3, onPacket: (packet) => heard.push(packet) }) };
}

test('hears so many packets a second, and listens to no more until the next', () => {
  const log = newLog();
  const { heard, listener } = listenTo(log);
  log.tell(3);
  vi.advanceTimersByTime(10);
  expect([heard.length, log.isRead(), listener.takeMissed()]).toEqual([3, true, false]);
  log.tell(5);
  vi.advanceTimersByTime(10);
  expect([heard.length, log.isRead(), listener.takeMissed(), listener.takeMissed()]).toEqual([3, false, true, false]);
  vi.advanceTimersByTime(1000);
  log.tell(2);
  expect([heard.length, log.isRead(), listener.takeMissed()]).toEqual([5, true, false]);
  listener[Symbol.dispose]();
  expect(log.isRead()).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

test('says when the kernel has lost packets, and when somebody else took the log', () => {
  const log = newLog();
  const { heard, listener } = listenTo(log);
  log.overrun();
  expect(listener.takeMissed()).toBe(true);
  log.tell(4);
  vi.advanceTimersByTime(10);
  log.take(true);
  vi.advanceTimersByTime(1000);
  expect([listener.takeMissed(), log.isRead()]).toEqual([true, false]);
  log.take(false);
  vi.advanceTimersByTime(1000);
  log.tell(1);
  expect(heard).toHaveLength(4);
  listener[Symbol.dispose]();
  log.take(true);
  expect(() => listenTo(log)).toThrow('somebody else');
});
