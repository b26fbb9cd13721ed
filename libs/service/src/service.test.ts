import { Gauge } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { Backoff, sleep } from './backoff.ts';
import { Health } from './health.ts';
import { parseListenAddress } from './http.ts';
import { copyLog, createLogger, logLevelOn, setLogLevel } from './log.ts';
import { Metrics } from './metrics.ts';
import { nodePaths } from './paths.ts';

describe('Backoff', () => {
  test('doubles up to the limit, and starts over after a reset', () => {
    const backoff = new Backoff(100, 500, () => 1);
    expect([backoff.nextMs(), backoff.nextMs(), backoff.nextMs(), backoff.nextMs()]).toEqual([100, 200, 400, 500]);
    backoff.reset();
    expect(backoff.nextMs()).toBe(100);
  });

  test('spreads over the upper half', () => {
    expect(new Backoff(100, 500, () => 0).nextMs()).toBe(50);
  });
});

describe('sleep', () => {
  test('ends early without an error when the signal fires', async () => {
    await sleep(60_000, AbortSignal.abort());
  });
});

describe('Health', () => {
  test('is ready when every component is, and says which is not', () => {
    const health = new Health();
    const [store, kernel] = [health.register('store'), health.register('kernel')];
    store.report({ ready: true });
    expect(health.readiness()).toEqual({
      ok: false,
      components: [
        { name: 'store', ok: true, reason: '' },
        { name: 'kernel', ok: false, reason: 'starting' },
      ],
    });
    kernel.report({ ready: true });
    expect(health.readiness().ok).toBe(true);
  });

  test('is told anew by what begins anew', () => {
    const health = new Health(() => 10_000);
    health.register('old', () => -1).work();
    expect(health.liveness().ok).toBe(false);
    health.clear();
    health.register('new').report({ ready: true });
    expect(health.readiness()).toEqual({ ok: true, components: [{ name: 'new', ok: true, reason: '' }] });
  });

  test('stays live while it is not ready', () => {
    const health = new Health();
    health.register('store').report({ ready: false, reason: 'etcd does not answer' });
    expect(health.liveness().ok).toBe(true);
  });
});

describe('a component with a limit to its work', () => {
  test('hangs while a piece of work takes longer, and is well again when it has ended', () => {
    let now = 0;
    const health = new Health(() => now);
    let seconds = 10;
    const [limited, patient] = [health.register('limited', () => seconds), health.register('patient')];
    for (const each of [limited, patient]) each.report({ ready: true });
    const works = [limited.work(), patient.work()];
    // For work that begins later.
    seconds = 1;
    now = 10_000;
    expect([health.liveness().ok, health.readiness().ok]).toEqual([true, true]);
    now = 13_000;
    expect(health.readiness().ok).toBe(false);
    expect(health.liveness()).toEqual({
      ok: false,
      components: [
        { name: 'limited', ok: false, reason: 'hangs: a piece of work should have been done 3 s ago' },
        { name: 'patient', ok: true, reason: '' },
      ],
    });
    for (const work of works) work[Symbol.dispose]();
    expect([health.liveness().ok, health.readiness().ok]).toEqual([true, true]);
    using _later = limited.work();
    now = 14_100;
    expect(health.liveness().ok).toBe(false);
  });
});

describe('parseListenAddress', () => {
  test.each([
    ['127.0.0.1:9099', { host: '127.0.0.1', port: 9099 }],
    [':9099', { host: '127.0.0.1', port: 9099 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('reads %s', (text, expected) => {
    expect(parseListenAddress(text)).toEqual(expected);
  });

  test.each(['9099', 'host', 'host:99999', 'a b:1', ''])('refuses %j', (text) => {
    expect(parseListenAddress(text)).toBeUndefined();
  });
});

describe('nodePaths', () => {
  test('are Calico’s places by default, and follow the environment', () => {
    expect(nodePaths({}).felixSocket).toBe('/var/run/calico/felix.sock');
    expect(nodePaths({ CALICO_LIB_DIR: '/x' }).nodenameFile).toBe('/x/nodename');
  });
});

test('a log level that is set holds for the loggers made from the one, and for theirs', () => {
  const log = createLogger('test', 'info');
  const child = log.child({ part: 'a' });
  const grandchild = child.child({ part: 'b' });
  setLogLevel(log, 'debug');
  expect([log.level, child.level, grandchild.level]).toEqual(['debug', 'debug', 'debug']);
  expect(log.child({ part: 'c' }).level).toBe('debug');
});

test('the metrics that are shown are those that are asked for', async () => {
  const metrics = new Metrics();
  for (const name of ['felix_a', 'process_b']) new Gauge({ name, help: 'h', registers: [metrics.registry] }).set(1);
  expect(await metrics.text()).toBe(await metrics.registry.metrics());
  const shown = await metrics.text((name) => name.startsWith('felix_'));
  expect(shown).toBe('# HELP felix_a h\n# TYPE felix_a gauge\nfelix_a 1\n');
});

test('a copy of the log has the lines of its own level, whatever the log’s, until it ends', () => {
  const log = createLogger('test', 'fatal');
  const child = log.child({ part: 'a' });
  const lines: string[] = [];
  const copy = copyLog(log, 'info', (line) => lines.push(line));
  log.debug('too little');
  child.info('a line');
  expect(logLevelOn(log)).toBe('fatal');
  copy[Symbol.dispose]();
  expect(child.level).toBe('fatal');
  log.error('after the end');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ level: 'info', msg: 'a line', part: 'a' }),
  ]);
});
