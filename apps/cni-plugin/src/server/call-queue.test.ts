import { expect, test } from 'vitest';
import { CallQueue } from './call-queue.ts';

test('calls about one container run one after the other, others side by side', async () => {
  const events: string[] = [];
  const queue = new CallQueue(10);
  const work = (name: string) => async (): Promise<void> => {
    events.push(`${name} begins`);
    await Promise.resolve();
    await Promise.resolve();
    events.push(`${name} ends`);
  };
  await Promise.all([queue.run('a', work('a1')), queue.run('a', work('a2')), queue.run('b', work('b1'))]);
  expect(events.indexOf('a2 begins')).toBeGreaterThan(events.indexOf('a1 ends'));
  expect(events.indexOf('b1 begins')).toBeLessThan(events.indexOf('a1 ends'));
  expect(queue.size).toBe(0);
});

test('a call that fails does not stop the next', async () => {
  const queue = new CallQueue(10);
  const first = queue.run('a', () => Promise.reject(new Error('x')));
  const second = queue.run('a', () => Promise.resolve(2));
  await expect(first).rejects.toThrow('x');
  expect(await second).toBe(2);
});

test('what is too much is refused', async () => {
  const queue = new CallQueue(1);
  const first = queue.run('a', () => Promise.resolve(1));
  expect(queue.run('b', () => Promise.resolve(2))).toBeUndefined();
  await first;
  expect(await queue.run('b', () => Promise.resolve(2))).toBe(2);
});
