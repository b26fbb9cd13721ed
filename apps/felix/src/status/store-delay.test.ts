import { expect, test } from 'vitest';
import { StoreDelay } from './store-delay.ts';

test('is what the last report took that came back as a change', () => {
  let now = 0;
  const delay = new StoreDelay(() => now);
  delay.arrived('of an earlier run', true);
  delay.sent('a');
  now += 20;
  delay.arrived('another', true);
  expect(delay.seconds).toBe(0);
  delay.arrived('a', true);
  expect(delay.seconds).toBe(0.02);
  delay.sent('b');
  now += 5000;
  delay.arrived('b', false);
  expect(delay.seconds).toBe(0.02);
  delay.sent('c');
  now += 10_000;
  delay.sent('d');
  now += 7;
  delay.arrived('c', true);
  delay.arrived('d', true);
  delay.arrived('d', true);
  delay.arrived(undefined, true);
  expect(delay.seconds).toBe(0.007);
});
