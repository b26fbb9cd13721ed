import { parseResource } from '@calico-node/model';
import { expect, test } from 'vitest';
import { logFileOf, logLevelOf, syslogLevelOf } from './log-level.ts';
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

test('none is no log', () => {
  expect(logLevelOf(resolveParameters([fromEnvironment({ FELIX_LOGSEVERITYSCREEN: 'none' })]))).toBe('fatal');
});

test.each([
  [{}, undefined],
  [{ FELIX_LOGSEVERITYFILE: 'DEBUG' }, undefined],
  [{ FELIX_LOGFILEPATH: 'none' }, undefined],
  [{ FELIX_LOGFILEPATH: '/var/log/felix.log', FELIX_LOGSEVERITYFILE: 'none' }, undefined],
  [{ FELIX_LOGFILEPATH: '/var/log/felix.log' }, { path: '/var/log/felix.log', level: 'info' }],
  [
    { FELIX_LOGFILEPATH: '/var/log/felix.log', FELIX_LOGSEVERITYFILE: 'warning' },
    { path: '/var/log/felix.log', level: 'warn' },
  ],
])('with %o the log goes to a file as well: %o', (env, file) => {
  expect(logFileOf(resolveParameters([fromEnvironment(env)]))).toEqual(file);
});

test.each([
  [{}, undefined],
  [{ FELIX_LOGSEVERITYSYS: 'none' }, undefined],
  [{ FELIX_LOGSEVERITYSYS: 'Error' }, 'error'],
])('with %o syslog gets the level %s', (env, level) => {
  expect(syslogLevelOf(resolveParameters([fromEnvironment(env)]))).toBe(level);
});
