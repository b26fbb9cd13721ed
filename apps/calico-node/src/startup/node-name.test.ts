import { expect, test } from 'vitest';
import { determineNodeName } from './node-name.ts';

test.each([
  [{ NODENAME: 'a', HOSTNAME: 'C' }, 'b', 'D', 'a'],
  [{ HOSTNAME: 'C' }, 'b\n', 'D', 'b'],
  [{ HOSTNAME: 'C.Example' }, undefined, 'D', 'c.example'],
  [{}, '', 'Host', 'host'],
])('%o with stored name %o on host %s is %s', (env, stored, system, expected) => {
  expect(determineNodeName(env, stored, system).name).toBe(expected);
});

test('refuses a malformed name and says where it came from', () => {
  expect(() => determineNodeName({ NODENAME: 'Node_1' }, undefined, 'h')).toThrow(
    /NODENAME='Node_1' \(from NODENAME\)/,
  );
});
