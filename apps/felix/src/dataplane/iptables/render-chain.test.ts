import { parseCidr, parseIp } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import type { IpSetId } from '../../calc/ip-set.ts';
import { chain, dispatchMap, hook, rule } from '../../rules/build.ts';
import {
  accept,
  drop,
  goTo,
  jump,
  matchConntrack,
  matchIcmp,
  matchInterface,
  matchInterfacePrefix,
  matchLimit,
  matchMarked,
  matchNet,
  matchPorts,
  matchPortSet,
  matchProtocol,
  matchSet,
  matchUnmarked,
  setMarks,
} from '../../rules/matches.ts';
import type { Action, DispatchMap, Match } from '../../rules/model.ts';
import { renderChain, renderHook } from './render-chain.ts';

const noMap = (): DispatchMap => {
  throw new Error('there is no map');
};

/** Rules without the comment that has their hash. */
function shown(matches: readonly Match[], action: Action, family: 4 | 6 = 4, comment?: string): string[] {
  const [part] = renderChain(chain('filter', 'c', [rule(matches, action, comment)]), { family, dispatchMap: noMap });
  return part!.rules.map(({ text }) => text.replace(/^-m comment --comment "cali:[\w-]{16}" /, ''));
}

const net = (text: string, negated = false): Match => matchNet('source', parseCidr(text), negated);
const none: Action = { kind: 'none' };

describe('matches', () => {
  test.each<[string, Match[], string]>([
    [
      'protocol, ports and sets',
      [
        matchPorts('destination', [
          { first: 80, last: 80 },
          { first: 1000, last: 2000 },
        ]),
        matchProtocol(6),
        matchSet('source', 's:abc' as IpSetId),
      ],
      '-p 6 -m multiport --destination-ports 80,1000:2000 -m set --match-set cali40s:abc src',
    ],
    [
      'a named port',
      [matchPortSet('destination', 'n:web' as IpSetId, true)],
      '-m set ! --match-set cali40n:web dst,dst',
    ],
    [
      'two networks of one side',
      [net('10.0.0.0/8'), net('10.1.0.0/16', true)],
      '-s 10.0.0.0/8 -m iprange ! --src-range 10.1.0.0-10.1.255.255',
    ],
    ['all addresses', [net('0.0.0.0/0')], ''],
    ['a refused network of the other family', [net('fd00::/8', true)], ''],
    ['a protocol and another that is refused', [matchProtocol(6), matchProtocol(17, true)], '-p 6'],
    ['a refused protocol', [matchProtocol(17, true)], '! -p 17'],
    ['ICMP', [matchProtocol(1), matchIcmp({ type: 8, code: 0 })], '-p 1 -m icmp --icmp-type 8/0'],
    ['connection states', [matchConntrack('established', 'related')], '-m conntrack --ctstate ESTABLISHED,RELATED'],
    [
      'marks',
      [matchMarked(0x80000000), matchUnmarked(0x20000)],
      '-m mark --mark 0x80000000/0x80000000 -m mark --mark 0x0/0x20000',
    ],
    ['interfaces', [matchInterfacePrefix('in', 'cali'), matchInterface('out', 'eth0')], '-i cali+ -o eth0'],
    ['a rate', [matchLimit(10, 'minute', 5)], '-m limit --limit 10/minute --limit-burst 5'],
    ['connections', [{ kind: 'connections-above', limit: 3 }], '-m connlimit --connlimit-above 3 --connlimit-mask 0'],
    [
      'a local address of the interface',
      [{ kind: 'local-address', side: 'source', limitInterface: 'out', negated: true }],
      '-m addrtype ! --src-type LOCAL --limit-iface-out',
    ],
    ['the reverse path', [{ kind: 'reverse-path-failed' }], '-m rpfilter --validmark --invert'],
  ])('%s', (_, matches, expected) => {
    expect(shown(matches, none)).toEqual([expected]);
  });

  test.each<[string, Match[]]>([
    ['no addresses', [net('0.0.0.0/0', true)]],
    ['a network of the other family', [net('fd00::/8')]],
    ['two protocols at once', [matchProtocol(6), matchProtocol(17)]],
    ['a protocol that is refused as well', [matchProtocol(6), matchProtocol(6, true)]],
  ])('that no packet meets make no rule: %s', (_, matches) => {
    expect(shown(matches, accept)).toEqual([]);
  });

  test('of IPv6 name its sets and its ICMP', () => {
    const matches = [matchProtocol(58), matchIcmp({ type: 128 }), matchSet('destination', 's:abc' as IpSetId, true)];
    expect(shown(matches, accept, 6)).toEqual([
      '-p 58 -m icmp6 --icmpv6-type 128 -m set ! --match-set cali60s:abc dst --jump ACCEPT',
    ]);
  });
});

describe('actions', () => {
  test.each<[Action, string]>([
    [drop, '--jump DROP'],
    [{ kind: 'reject' }, '--jump REJECT'],
    [{ kind: 'reject', with: 'tcp-reset' }, '--jump REJECT --reject-with tcp-reset'],
    [jump('cali-x'), '--jump cali-x'],
    [goTo('cali-x'), '--goto cali-x'],
    [setMarks(0x10000), '--jump MARK --set-mark 0x10000/0x10000'],
    [{ kind: 'log', prefix: 'calico-packet' }, '--jump LOG --log-prefix "calico-packet: " --log-level 5'],
    [
      { kind: 'flow-log', group: 2, prefix: 'APE0|gnp/web' },
      '--jump NFLOG --nflog-group 2 --nflog-prefix "APE0|gnp/web"',
    ],
    [{ kind: 'notrack' }, '--jump NOTRACK'],
    [{ kind: 'set-dscp', value: 46 }, '--jump DSCP --set-dscp 46'],
    [{ kind: 'masquerade', ports: { first: 1000, last: 2000 } }, '--jump MASQUERADE --to-ports 1000-2000'],
    [{ kind: 'masquerade', fullyRandom: true }, '--jump MASQUERADE --random-fully'],
    [{ kind: 'snat', address: parseIp('192.0.2.1') }, '--jump SNAT --to-source 192.0.2.1'],
    [{ kind: 'dnat', address: parseIp('192.0.2.1'), port: 80 }, '--jump DNAT --to-destination 192.0.2.1:80'],
  ])('%o', (action, expected) => {
    expect(shown([], action)).toEqual([expected]);
  });

  test('quote what comes from resources', () => {
    expect(shown([], { kind: 'log', prefix: `a"b\\c\n${'x'.repeat(40)}` })).toEqual([
      `--jump LOG --log-prefix "a_b_c_${'x'.repeat(23)}" --log-level 5`,
    ]);
    expect(shown([], accept, 4, 'say "ü"')).toEqual(['-m comment --comment "say ___" --jump ACCEPT']);
  });

  test('that look up in a table of verdicts become a rule per entry', () => {
    const action: Action = {
      kind: 'look-up',
      fields: ['protocol', 'destination-port'],
      entries: [
        {
          parts: [
            { kind: 'protocol', protocol: 6 },
            { kind: 'ports', first: 80, last: 80 },
          ],
          verdict: { kind: 'drop' },
        },
        {
          parts: [
            { kind: 'protocol', protocol: 17 },
            { kind: 'ports', first: 0, last: 65535 },
          ],
          verdict: { kind: 'goto', chain: 'cali-x' },
        },
      ],
    };
    expect(shown([matchMarked(1)], action)).toEqual([
      '-p 6 -m mark --mark 0x1/0x1 -m multiport --destination-ports 80 --jump DROP',
      '-p 17 -m mark --mark 0x1/0x1 --goto cali-x',
    ]);
  });
});

describe('hashes', () => {
  const hashes = (...texts: string[]): string[] => {
    const rules = texts.map((text) => rule([], jump(text)));
    return renderChain(chain('filter', 'c', rules), { family: 4, dispatchMap: noMap })[0]!.rules.map(
      ({ hash }) => hash,
    );
  };

  test('change for a rule and those behind it', () => {
    const [a, b, c] = hashes('a', 'b', 'c');
    expect(hashes('a', 'x', 'c')).toEqual([a, expect.not.stringMatching(b!), expect.not.stringMatching(c!)]);
    expect(hashes('a', 'b', 'c', 'd').slice(0, 3)).toEqual([a, b, c]);
  });

  test('differ between what goes first and what goes last in a built-in chain', () => {
    const { first, last } = renderHook(hook('filter', 'forward', [rule([], accept)], [rule([], accept)]), 4);
    expect(first[0]!.hash).not.toBe(last[0]!.hash);
  });
});

describe('dispatch', () => {
  const dispatch = [rule([], { kind: 'dispatch', map: 'm' }), rule([], drop, 'Unknown interface')];
  const expand = (...names: string[]): Record<string, string[]> => {
    const map = dispatchMap(
      'filter',
      'm',
      'in-interface',
      names.map((name) => ({ interfaceName: name, chain: `to-${name}` })),
    );
    const parts = renderChain(chain('filter', 'd', dispatch), { family: 4, dispatchMap: () => map });
    return Object.fromEntries(
      parts.map(({ name, rules }) => [
        name,
        rules.map(({ text }) => text.replace(/^-m comment --comment "[^"]*" /, '')),
      ]),
    );
  };
  const end = '-m comment --comment "Unknown interface" --jump DROP';

  test('of no interface, and of one', () => {
    expect(expand()).toEqual({ d: [end] });
    expect(expand('cali1')).toEqual({ d: ['-i cali1 --goto to-cali1', end] });
  });

  test('of several goes by the character that tells them apart, and what follows comes along', () => {
    expect(expand('cali1', 'cali12', 'calia1', 'calia2', 'calib')).toEqual({
      d: ['-i cali1+ --goto d-1', '-i calia+ --goto d-a', '-i calib --goto to-calib', end],
      'd-1': ['-i cali1 --goto to-cali1', '-i cali12 --goto to-cali12', end],
      'd-a': ['-i calia1 --goto to-calia1', '-i calia2 --goto to-calia2', end],
    });
  });

  test('of a name that the others begin with', () => {
    expect(expand('cali', 'cali1')).toEqual({ d: ['-i cali --goto to-cali', '-i cali1 --goto to-cali1', end] });
  });
});
