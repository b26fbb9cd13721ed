import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { passReadinessGates } from '../src/node/readiness-gates.ts';

const pace = { pollMs: 200, limitMs: 20_000 };
const never = new AbortController().signal;

let server: Server;
/** What the gate answers, in turn; the last one again and again. */
let statuses: number[];
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    response.writeHead(status ?? 500).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const url = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;

test('a closed gate is asked again until it opens, and then the next', async () => {
  statuses = [503, 404, 204];
  await passReadinessGates([url('a'), url('b')], never, pace);
  expect(asked.slice(0, 3)).toEqual(['/a', '/a', '/a']);
  expect(asked.at(-1)).toBe('/b');
});

test('a gate that stays closed is named, with "try again later"', async () => {
  statuses = [200, 500];
  const passing = passReadinessGates([url('a'), url('b')], never, { pollMs: 10_000, limitMs: 5_000 });
  await expect(passing).rejects.toMatchObject({ code: 11, message: expect.stringContaining(url('b')) as string });
});

test('the wait ends when the call is given up', async () => {
  statuses = [500];
  const giveUp = new AbortController();
  const passing = passReadinessGates([url('a')], giveUp.signal, { pollMs: 20_000, limitMs: 60_000 });
  await expect.poll(() => asked).toHaveLength(1);
  giveUp.abort();
  await expect(passing).rejects.toMatchObject({ code: 11 });
});
