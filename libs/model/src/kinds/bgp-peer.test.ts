import { describe } from 'vitest';
import { describeFields, describeRules, specOf } from '../testing/rules.ts';

describe('BGPPeer', () => {
  describeRules(specOf('BGPPeer'), {
    'node excludes nodeSelector': {
      accepts: [{}, { node: 'n1' }, { nodeSelector: 'all()' }, { node: 'n1', nodeSelector: '' }],
      refuses: [[{ node: 'n1', nodeSelector: 'all()' }, ['node']]],
    },
    'peerIP excludes peerSelector': {
      accepts: [{ peerIP: '192.0.2.1' }, { peerSelector: 'has(rr)' }],
      refuses: [[{ peerIP: '192.0.2.1', peerSelector: 'has(rr)' }, ['peerIP']]],
    },
    'asNumber excludes peerSelector': {
      accepts: [
        { peerIP: '192.0.2.1', asNumber: 65000 },
        { peerSelector: 'has(rr)', asNumber: 0 },
      ],
      refuses: [[{ peerSelector: 'has(rr)', asNumber: 65000 }, ['asNumber']]],
    },
    'keepOriginalNextHop excludes nextHopMode': {
      accepts: [
        { keepOriginalNextHop: true },
        { nextHopMode: 'Keep' },
        { keepOriginalNextHop: false, nextHopMode: 'Self' },
      ],
      refuses: [[{ keepOriginalNextHop: true, nextHopMode: 'Auto' }, ['keepOriginalNextHop']]],
    },
    'localWorkloadSelector requires asNumber': {
      accepts: [{ localWorkloadSelector: 'has(a)', asNumber: 65001 }],
      refuses: [
        [{ localWorkloadSelector: 'has(a)' }, ['asNumber']],
        [{ localWorkloadSelector: 'has(a)', asNumber: 0 }, ['asNumber']],
      ],
    },
    'localWorkloadSelector excludes peerIP and peerSelector': {
      accepts: [{ localWorkloadSelector: 'has(a)', asNumber: 1, nodeSelector: 'all()' }],
      refuses: [
        [{ localWorkloadSelector: 'has(a)', asNumber: 1, peerIP: '192.0.2.1' }, ['localWorkloadSelector']],
        [
          { localWorkloadSelector: 'has(a)', peerSelector: 'has(b)', asNumber: 1 },
          ['asNumber', 'localWorkloadSelector'],
        ],
      ],
    },
    'reachableBy needs a peerIP': {
      accepts: [{ peerIP: '192.0.2.1', reachableBy: '192.0.2.2' }],
      refuses: [[{ reachableBy: '192.0.2.2' }, ['reachableBy']]],
    },
    'reachableBy is of the IP version of peerIP': {
      accepts: [{ peerIP: '[fd00::1]:1790', reachableBy: 'fd00::2' }],
      refuses: [
        [{ peerIP: '192.0.2.1:179', reachableBy: 'fd00::1' }, ['reachableBy']],
        [{ peerIP: 'fd00::1', reachableBy: '192.0.2.1' }, ['reachableBy']],
      ],
    },
    'selectors parse and do not use global()': {
      accepts: [{ nodeSelector: "rack == 'a'" }, { peerSelector: 'has(a) && !has(b)' }],
      refuses: [
        [{ nodeSelector: 'rack' }, ['nodeSelector']],
        [{ nodeSelector: 'global()' }, ['nodeSelector']],
        [{ peerSelector: 'a ==' }, ['peerSelector']],
        [{ localWorkloadSelector: 'a ==', asNumber: 1 }, ['localWorkloadSelector']],
      ],
    },
    'a password names a key': {
      accepts: [{ password: { secretKeyRef: { name: 's', key: 'k' } } }],
      refuses: [[{ password: { secretKeyRef: { name: 's' } } }, ['password.secretKeyRef.key']]],
    },
  });

  describeFields(specOf('BGPPeer'), {
    peerIP: [
      ['192.0.2.1', 'fd00::1', '192.0.2.1:1', '192.0.2.1:65535', '[fd00::1]:179', ''],
      [
        'tor',
        '192.0.2.1:0',
        '192.0.2.1:65536',
        '192.0.2.1:',
        '[fd00::1]',
        '[192.0.2.1]:179',
        'fd00::1:70000',
        '192.0.2.0/24',
      ],
    ],
    asNumber: [
      [1, 4294967295, '1.10'],
      [-1, 4294967296, 'x'],
    ],
    localASNumber: [[1, '65000'], ['x']],
    nextHopMode: [['Auto', 'Self', 'Keep'], ['Never']],
    sourceAddress: [['UseNodeIP', 'None', ''], ['Any']],
    maxRestartTime: [
      ['90s', '2m'],
      [90, 'x'],
    ],
    keepaliveTime: [['30s'], ['x']],
    numAllowedLocalASNumbers: [
      [0, 5, 2147483647],
      [-1, 2147483648, '1'],
    ],
    ttlSecurity: [
      [0, 1, 255],
      [-1, 256],
    ],
    reversePeering: [['Auto', 'Manual'], ['Never']],
    filters: [
      [[], ['a', 'b']],
      ['a', [1]],
    ],
    keepOriginalNextHop: [[true, false], ['yes']],
  });
});
