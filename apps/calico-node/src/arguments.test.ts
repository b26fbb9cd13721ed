import { describe, expect, test } from 'vitest';
import { parseMode, UsageError } from './arguments.ts';

describe('the command line', () => {
  test('without flags runs the whole node', () => {
    expect(parseMode([])).toEqual({ kind: 'all', rest: [] });
    expect(parseMode(['--log-level', 'debug', '-health-address=off'])).toEqual({
      kind: 'all',
      rest: ['--health-address', 'off', '--log-level', 'debug'],
    });
  });

  test.each([
    [['-startup'], { kind: 'startup' }],
    [['--startup'], { kind: 'startup' }],
    [['-felix'], { kind: 'program', program: 'felix' }],
    [['-confd'], { kind: 'program', program: 'confd' }],
    [['-bgp'], { kind: 'program', program: 'bgp-daemon' }],
    [['-v'], { kind: 'version' }],
    [['-show-status'], { kind: 'show-status' }],
    [['-shutdown'], { kind: 'shutdown' }],
    [['-felix-ready', '-bird-ready'], { kind: 'probe', probes: ['felix-ready', 'bird-ready'], thresholdSeconds: 30 }],
    [['-bird6-ready', '-threshold-time=1m30s'], { kind: 'probe', probes: ['bird6-ready'], thresholdSeconds: 90 }],
  ])('%o is understood with one dash or two', (argv, expected) => {
    expect(parseMode(argv)).toMatchObject(expected);
  });

  test.each([[['-nothing']], [['-felix', '-confd']], [['-bird-ready', '-threshold-time', '30']], [['stray']]])(
    '%o is refused',
    (argv) => {
      expect(() => parseMode(argv)).toThrow(UsageError);
    },
  );
});
