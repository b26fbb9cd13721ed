import { DatastoreError } from '@calico-node/datastore';
import { IpamError } from '@calico-node/ipam';
import { parseIp } from '@calico-node/net';
import { RpcError } from '@calico-node/rpc';
import { describe, expect, it } from 'vitest';
import { toRpcError } from './rpc-errors.ts';
import { AbandonedError, QueueFullError } from './work-queue.ts';

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('what a caller is told', () => {
  it.each<[string, unknown, string]>([
    ['to try again when the queue is full', new QueueFullError('512 wait'), 'RESOURCE_EXHAUSTED'],
    ['to try again when the store is away', new DatastoreError('unavailable', 'no etcd'), 'UNAVAILABLE'],
    ['to try again when others were faster', new IpamError('contention', 'gave up'), 'ABORTED'],
    ['that it gave up itself', new AbandonedError('gone'), 'CANCELLED'],
    ['that the pools are used up', new IpamError('pool-full', 'none left'), 'FAILED_PRECONDITION'],
    ['that somebody has the address', new IpamError('already-assigned', 'taken'), 'ALREADY_EXISTS'],
    ['that the request is wrong', thrownBy(() => parseIp('10.0.0')), 'INVALID_ARGUMENT'],
    ['what was meant for it', new RpcError('NOT_FOUND', 'no such thing'), 'NOT_FOUND'],
    ['that something is broken', new TypeError('x is not a function'), 'INTERNAL'],
  ])('is %s', (_what, error, code) => {
    expect(toRpcError(error)).toMatchObject({ code, message: (error as Error).message });
  });
});
