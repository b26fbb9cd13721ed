import { parseCidr, parseIp } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import { encodeMessages, messageFlag, numberMessages, readMessages } from '../message.ts';
import { RouteBatch, type RouteWay } from './route-batch.ts';
import { addRoute, deleteRoute, replaceRoute } from './route-codec.ts';

const near: RouteWay = { protocol: 12, gateway: parseIp('10.9.0.2'), interfaceIndex: 3 };
const far: RouteWay = { protocol: 12, metric: 1024, gateway: parseIp('fd00::2'), interfaceIndex: 4, onlink: true };
const spread: RouteWay = {
  protocol: 12,
  multipath: ['10.9.0.2', '10.9.0.3'].map((gateway) => ({ gateway: parseIp(gateway), interfaceIndex: 3 })),
};

describe('a batch of routes', () => {
  it('holds what the requests one by one would be', () => {
    const batch = new RouteBatch();
    const routes = [
      ['add', '10.1.2.0/24', near],
      ['add', '10.1.3.128/25', near],
      ['add', 'fd00:1::/64', far],
      ['replace', '10.1.2.0/24', spread],
      ['delete', '10.1.2.0/24', { protocol: 12 }],
      ['add', '0.0.0.0/0', near],
    ] as const;
    for (const [verb, destination, way] of routes) batch.append(verb, parseCidr(destination), way);
    const makers = { add: addRoute, replace: replaceRoute, delete: deleteRoute } as const;
    const requests = routes.map(([verb, to, way]) => makers[verb]({ ...way, destination: parseCidr(to) }));
    const bytes = batch.bytes();
    numberMessages(bytes, 7);
    expect(bytes).toEqual(encodeMessages(requests, 7, routes.length - 1));
    expect(requests.map((_, index) => batch.labelOf(index))).toEqual(requests.map(({ label }) => label));
  });

  it('is numbered anew with what it holds the next time', () => {
    const batch = new RouteBatch();
    batch.append('add', parseCidr('10.1.0.0/24'), near);
    numberMessages(batch.bytes(), 1);
    batch.append('add', parseCidr('10.2.0.0/24'), near);
    numberMessages(batch.bytes(), 5);
    const acks = [...readMessages(batch.bytes())].map(({ sequence, flags }) => [sequence, flags & messageFlag.ack]);
    expect(acks).toEqual([
      [5, 0],
      [6, messageFlag.ack],
    ]);
    batch.clear();
    expect([batch.count, batch.bytes().length]).toEqual([0, 0]);
  });

  it('says when it has what fits into one send', () => {
    const batch = new RouteBatch();
    while (!batch.isFull) batch.append('add', parseCidr('10.1.0.0/24'), near);
    expect(batch.count).toBeGreaterThan(2000);
    batch.append('delete', parseCidr('10.1.0.0/24'), near);
    expect(batch.labelOf(batch.count - 1)).toBe('delete route 10.1.0.0/24');
  });
});
