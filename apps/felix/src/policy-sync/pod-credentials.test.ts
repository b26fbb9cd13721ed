import { expect, test } from 'vitest';
import { parsePodCredentials } from './pod-credentials.ts';

test.each([
  '{"UID":"1","Workload":"web","Namespace":"prod","ServiceAccount":"default"}',
  '{"Uid":"1","workload":"web","namespace":"prod"}',
])('the pod is read from %s', (text) => {
  expect(parsePodCredentials(text)).toEqual({ namespace: 'prod', workload: 'web' });
});

test.each([
  ['', 'JSON'],
  ['[', 'JSON'],
  ['null', 'no JSON object'],
  ['{"Workload":"web"}', 'Namespace is missing'],
  ['{"Namespace":"prod","Workload":""}', 'Workload is missing'],
  ['{"Namespace":"prod","Workload":7}', 'Workload is missing'],
])('%j is refused', (text, reason) => {
  expect(() => parsePodCredentials(text)).toThrow(reason);
});
