import { describe, expect, it } from 'vitest';
import { decodeResource, encodeResource } from '../resource-codec.ts';
import { document, problemPathsOf } from '../testing/documents.ts';
import { describeFields, describeRules, specOf } from '../testing/rules.ts';

describe('CalicoNodeStatus', () => {
  describeRules(specOf('CalicoNodeStatus', { node: 'n', updatePeriodSeconds: 10 }), {
    'node is required': {
      accepts: [{ node: 'n' }],
      refuses: [
        [{ node: undefined }, ['node']],
        [{ node: '' }, ['node']],
      ],
    },
    'updatePeriodSeconds is required, 0 means never': {
      accepts: [{ updatePeriodSeconds: 0 }, { updatePeriodSeconds: 86400 }],
      refuses: [
        [{ updatePeriodSeconds: undefined }, ['updatePeriodSeconds']],
        [{ updatePeriodSeconds: 86401 }, ['updatePeriodSeconds']],
        [{ updatePeriodSeconds: -1 }, ['updatePeriodSeconds']],
      ],
    },
  });

  describeFields(specOf('CalicoNodeStatus', { node: 'n', updatePeriodSeconds: 10 }), {
    classes: [
      [[], ['Agent', 'BGP', 'Routes']],
      [['BGP', 'BGP'], ['All'], 'BGP'],
    ],
  });

  it('is read and written with a full report', () => {
    const stored =
      '{"kind":"CalicoNodeStatus","apiVersion":"projectcalico.org/v3","metadata":{"name":"s"},"spec":{"node":"n","classes":["BGP"],"updatePeriodSeconds":10},' +
      '"status":{"lastUpdated":"2026-01-02T03:04:05Z","agent":{"birdV4":{"state":"Ready","version":"2.0","routerID":"10.0.0.1","lastBootTime":"t","lastReconfigurationTime":"u"},"birdV6":{"state":"NotReady"}},' +
      '"bgp":{"numberEstablishedV4":1,"numberNotEstablishedV4":0,"numberEstablishedV6":0,"numberNotEstablishedV6":1,' +
      '"peersV4":[{"peerIP":"10.0.0.2","type":"NodeMesh","state":"Established","since":"t"}],"peersV6":[{"peerIP":"fd00::2","type":"GlobalPeer","state":"Idle"}]},' +
      '"routes":{"routesV4":[{"type":"FIB","destination":"10.0.0.0/26","gateway":"10.0.0.2","interface":"eth0","learnedFrom":{"sourceType":"BGPPeer","peerIP":"10.0.0.2"}}],' +
      '"routesV6":[{"type":"RIB","destination":"fd00::/122","interface":"eth0","learnedFrom":{"sourceType":"Kernel"}}]}}}';
    expect(encodeResource(decodeResource('CalicoNodeStatus', stored, 1n))).toBe(stored);
  });

  it('holds a report to the values that there are', () => {
    const status = {
      lastUpdated: '2026-01-02T03:04:05Z',
      agent: { birdV4: { state: 'Gone' }, birdV6: {} },
      bgp: {
        numberEstablishedV4: 0,
        numberNotEstablishedV4: 0,
        numberEstablishedV6: 0,
        numberNotEstablishedV6: 0,
        peersV4: [{ type: 'Friend', state: 'Up' }],
      },
      routes: { routesV4: [{ type: 'X', learnedFrom: { sourceType: 'Y' } }] },
    };
    const input = { ...document('CalicoNodeStatus', { node: 'n', updatePeriodSeconds: 1 }), status };
    expect(problemPathsOf(input)).toEqual([
      'status.agent.birdV4.state',
      'status.bgp.peersV4[0].type',
      'status.bgp.peersV4[0].state',
      'status.routes.routesV4[0].type',
      'status.routes.routesV4[0].learnedFrom.sourceType',
    ]);
  });
});
