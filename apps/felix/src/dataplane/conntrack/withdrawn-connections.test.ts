import { parseIp, type IpAddress } from '@calico-node/net';
import { expect, test } from 'vitest';
import { WithdrawnConnections } from './withdrawn-connections.ts';

test('is settled once all that was begun is done, and warns where the kernel did not', async () => {
  const ends: PromiseWithResolvers<undefined>[] = [];
  const forgotten: IpAddress[][] = [];
  const warnings: object[] = [];
  const connections = new WithdrawnConnections({
    connections: {
      forget: (addresses) => {
        forgotten.push([...addresses]);
        const end = Promise.withResolvers<undefined>();
        ends.push(end);
        return end.promise;
      },
    },
    log: { warn: (fields: object) => warnings.push(fields) },
  });
  connections.forget(new Set());
  expect([connections.settled, forgotten]).toEqual([undefined, []]);
  connections.forget(new Set([parseIp('10.0.0.1')]));
  connections.forget(new Set([parseIp('10.0.0.2')]));
  const settled = connections.settled!;
  ends[0]!.reject(new Error('no'));
  ends[1]!.resolve(undefined);
  await settled;
  expect(connections.settled).toBeUndefined();
  expect([forgotten, warnings.length]).toEqual([[['10.0.0.1'], ['10.0.0.2']], 1]);
});
