import { parseResource } from '@calico-node/model';
import { expect, test } from 'vitest';
import { logLevelOf } from './log-level.ts';
import { resolveParameters } from './resolve.ts';
import { fromEnvironment, fromResource, type Source } from './sources.ts';

function resource(logSeverityScreen: string): Source {
  const metadata = { name: 'default' };
  const parsed = parseResource({
    kind: 'FelixConfiguration',
    apiVersion: 'projectcalico.org/v3',
    metadata,
    spec: { logSeverityScreen },
  });
  if (parsed.kind !== 'FelixConfiguration') throw new Error('another kind');
  return fromResource(parsed);
}

test.each([
  ['Trace', 'trace'],
  ['Debug', 'debug'],
  ['Warning', 'warn'],
  ['Fatal', 'fatal'],
] as const)('logSeverityScreen %s is the level %s', (word, level) => {
  expect(logLevelOf(resolveParameters([resource(word)]))).toBe(level);
});

test('the environment goes before the resource, and nothing is said where nobody sets it', () => {
  const env = fromEnvironment({ FELIX_LOGSEVERITYSCREEN: 'ERROR' });
  expect(logLevelOf(resolveParameters([env, resource('Debug')]))).toBe('error');
  expect(logLevelOf(resolveParameters([]))).toBeUndefined();
});
