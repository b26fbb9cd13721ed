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

  test.each([[['-nothing']], [['-felix', '-confd']], [['-bird-ready', '-threshold-time', '30']], [['stray']]])(
    '%o is refused',
    (argv) => {
      expect(() => parseMode(argv)).toThrow(UsageError);
    },
  );
});

test.each([
  [['-startup'], { kind: 'startup' }],
  [['--startup'], { kind: 'startup' }],
  [['-early'], { kind: 'early' }],
  [['-felix'], { kind: 'program', program: 'felix' }],
  [['-confd'], { kind: 'program', program: 'confd', rest: [] }],
  [['-confd', '-confd-run-once'], { kind: 'program', program: 'confd', rest: ['--onetime'] }],
  [
    ['-confd', '-confd-confdir', '/etc/confd'],
    { kind: 'program', program: 'confd', rest: ['--confdir', '/etc/confd'] },
  ],
  [['-confd', '-confd-keep-stage-file'], { kind: 'program', program: 'confd', rest: ['--keep-stage-file'] }],
  [['-bgp'], { kind: 'program', program: 'bgp-daemon' }],
  [['-bird-ready', '-felix-ready', '-threshold-time=1m'], { kind: 'probe', thresholdSeconds: 60 }],
  [['--bird6-ready', '--bird6-live'], { kind: 'probe', probes: ['bird6-live', 'bird6-ready'] }],
  [['-felix-live', '-bird-live'], { kind: 'probe', probes: ['felix-live', 'bird-live'] }],
  [['-shutdown'], { kind: 'shutdown' }],
  [['-status'], { kind: 'show-status' }],
  [['-show-status'], { kind: 'show-status' }],
  [['-monitor-addresses'], { kind: 'service', service: 'monitor-addresses' }],
  [['-allocate-tunnel-addrs'], { kind: 'service', service: 'allocate-tunnel-addrs' }],
  [['-allocate-tunnel-addrs-run-once'], { kind: 'allocate-once' }],
  [['-allocate-tunnel-addrs', '-allocate-tunnel-addrs-run-once'], { kind: 'allocate-once' }],
  [['-status-reporter'], { kind: 'service', service: 'status-reporter' }],
  [['-node-status-reporter'], { kind: 'service', service: 'status-reporter' }],
  [['-complete-startup'], { kind: 'complete-startup' }],
  [['-init', '-best-effort'], { kind: 'init' }],
  [['-hostpath-init'], { kind: 'hostpath-init' }],
  [['-monitor-token'], { kind: 'service', service: 'monitor-token' }],
  [['-v'], { kind: 'version' }],
] as const)('%j is understood, with one dash or two', (argv, expected) => {
  expect(parseMode(argv)).toMatchObject(expected);
});
