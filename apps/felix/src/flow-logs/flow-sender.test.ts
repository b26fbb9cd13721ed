import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveUnix } from '@calico-node/rpc';
import { connectFlowCollector, Flow, FlowCollectorService, type FlowCollectorServer } from '@calico-node/rpc/goldmane';
import { Backoff } from '@calico-node/service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FlowSender } from './flow-sender.ts';

let directory: string;
let nowMs: number;
let warnings: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calico-flows-'));
  nowMs = 0;
  warnings = 0;
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const flow = (number: number): Flow => Flow.fromPartial({ startTime: BigInt(number) });
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

function newSender(): FlowSender {
  return new FlowSender({
    connect: () => connectFlowCollector(`unix:${join(directory, 'flows.sock')}`),
    backoff: new Backoff(10, 20),
    log: {
      info: () => undefined,
      warn: () => {
        warnings++;
      },
    },
    now: () => nowMs,
  });
}

/** A collector that takes flows until it is closed. */
async function collect() {
  const seen: number[] = [];
  const streams = new Set<Parameters<FlowCollectorServer['connect']>[0]>();
  const implementation: FlowCollectorServer = {
    connect: (stream) => {
      streams.add(stream);
      stream.on('data', (update: { flow?: Flow }) => {
        seen.push(Number(update.flow?.startTime));
        stream.write({});
      });
      stream.on('end', () => {
        stream.end();
      });
    },
  };
  const server = await serveUnix(join(directory, 'flows.sock'), [[FlowCollectorService, implementation]]);
  const close = async (): Promise<void> => {
    for (const stream of streams) stream.end();
    await server.close();
  };
  return { seen, close, [Symbol.asyncDispose]: close };
}

test('sends flows in order, more than may be on their way at once too', async () => {
  await using collector = await collect();
  const { seen } = collector;
  using sender = newSender();
  sender.send(numbers(0, 250).map(flow));
  await expect.poll(() => seen.length).toBe(250);
  expect(seen).toEqual(numbers(0, 250));
});

test('sends what it had before a collector came, and the last minutes again when one comes anew', async () => {
  using sender = newSender();
  sender.send([flow(1)]);
  await expect.poll(() => warnings).toBe(1);
  const first = await collect();
  nowMs = 100_000;
  sender.send([flow(2)]);
  await expect.poll(() => first.seen).toEqual([1, 2]);
  await first.close();
  await using second = await collect();
  nowMs = 299_000;
  sender.send([flow(3)]);
  await expect.poll(() => second.seen).toEqual([1, 2, 3]);
});

test('forgets what was answered after five minutes', async () => {
  const first = await collect();
  using sender = newSender();
  sender.send([flow(1)]);
  await expect.poll(() => first.seen).toEqual([1]);
  nowMs = 301_000;
  // By the second, the receipt of the first has come for sure.
  sender.send([flow(2)]);
  await expect.poll(() => first.seen).toEqual([1, 2]);
  sender.send([flow(3)]);
  await expect.poll(() => first.seen).toEqual([1, 2, 3]);
  await first.close();
  await using second = await collect();
  await expect.poll(() => second.seen).toEqual([2, 3]);
});

test('drops the oldest flows when nobody takes them, and says so', () => {
  using sender = newSender();
  sender.send(numbers(0, 10_001).map(flow));
  expect(warnings).toBe(1);
});
