import { expect, test } from 'vitest';
import { fromLegacy, fromNftables } from './traced-rule.ts';

const saved = `# Generated
*raw
:PREROUTING ACCEPT [0:0]
COMMIT
*filter
:FORWARD DROP [10:20]
:cali-FORWARD - [0:0]
-A FORWARD -m comment --comment "cali:abc-_1234" -j cali-FORWARD
-A cali-FORWARD -p udp -m comment --comment "cali:def" -m comment --comment "say \\"no\\"" -j DROP
-A cali-FORWARD -m comment --comment cali:ghi -j MARK --set-xmark 0x0/0x10000
-A cali-FORWARD -m comment --comment cali:jkl -g cali-to
-A cali-FORWARD -j ACCEPT
COMMIT
`;

test('lines of the legacy trace get the verdicts and comments of their rules', () => {
  const lines = ['FORWARD:rule:1', 'cali-FORWARD:rule:1', 'cali-FORWARD:rule:2', 'cali-FORWARD:rule:3'];
  const ends = ['cali-FORWARD:return:4', 'cali-FORWARD:return:5', 'FORWARD:policy:2', 'new:rule:1'];
  const rules = fromLegacy(
    [...lines, ...ends].map((line) => `TRACE: filter:${line} `),
    saved,
  );
  expect(rules.map(({ position = 0, verdict, comment }) => [position, verdict, comment])).toEqual([
    [1, 'jump cali-FORWARD', ''],
    [1, 'drop', 'say "no"'],
    [2, 'continue', ''],
    [3, 'goto cali-to', ''],
    [4, 'accept', ''],
    [0, 'return', ''],
    [0, 'drop', "the hook's policy"],
    [1, 'continue', ''],
  ]);
  expect(fromLegacy(['a rule of somebody’s', 'TRACE: raw:PREROUTING:policy:1 '], saved)).toEqual([
    { table: 'raw', chain: 'PREROUTING', verdict: 'accept', comment: "the hook's policy" },
  ]);
});

test('steps of nf_tables get their rules’ places and comments', () => {
  const step = { id: 1, family: 'ip', table: 'calico', chain: 'c' } as const;
  const listed = [
    { chain: 'other', handle: 1n },
    { chain: 'c', handle: 2n, comment: 'cali:Ab-_9.0; Policy x' },
    { chain: 'c', handle: 5n, comment: 'cali:Ab-_9.1' },
  ];
  expect(
    fromNftables(
      [
        { ...step, kind: 'rule', ruleHandle: 2n, verdict: { kind: 'jump', chain: 'd' } },
        { ...step, kind: 'rule', ruleHandle: 5n, verdict: { kind: 'continue' } },
        { ...step, kind: 'rule', ruleHandle: 9n, verdict: { kind: 'drop' } },
        { ...step, kind: 'return', verdict: { kind: 'return' } },
        { ...step, kind: 'policy', verdict: { kind: 'accept' } },
        { ...step, kind: 'rule', ruleHandle: 2n },
      ],
      () => listed,
    ),
  ).toEqual(
    [
      { position: 1, verdict: 'jump d', comment: 'Policy x' },
      { position: 2, verdict: 'continue', comment: '' },
      { verdict: 'drop', comment: '' },
      { verdict: 'return', comment: '' },
      { verdict: 'accept', comment: "the hook's policy" },
      { position: 1, verdict: '', comment: 'Policy x' },
    ].map((rule) => ({ table: 'ip calico', chain: 'c', ...rule })),
  );
});
