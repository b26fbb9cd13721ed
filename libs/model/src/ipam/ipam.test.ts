import { describe, expect, it } from 'vitest';
import { parseCidr } from '@calico-node/net';
import { ValidationError } from '../validation-error.ts';
import {
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  encodeIpamConfig,
} from './codec.ts';

describe('blocks', () => {
  it.each([
    [
      'with an allocation',
      '{"cidr":"10.0.1.0/30","affinity":"host:n1","allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":' +
        '[{"handle_id":"k8s-pod-network.abc","secondary":{"namespace":"default","node":"n1","pod":"p","timestamp":' +
        '"2026-01-02 03:04:05.123456789 +0000 UTC"}}],"sequenceNumber":1718000000000000001,' +
        '"sequenceNumberForAllocation":{"0":1718000000000000000},"deleted":false}',
    ],
    [
      'just claimed',
      '{"cidr":"10.0.1.0/31","affinity":"host:n1","affinity_claim_time":"2026-01-02T03:04:05Z","allocations":[null,null],' +
        '"unallocated":[0,1],"attributes":null,"sequenceNumber":18446744073709551615,"sequenceNumberForAllocation":{},"deleted":false}',
    ],
    [
      'without affinity, with ordinals in the order of their text',
      '{"cidr":"fd00::/125","affinity":null,"allocations":[null,null,0,null,null,null,null,1],"unallocated":[3,4,5,6,0,1],' +
        '"attributes":[{},{"handle_id":"h","alternateOwnerAttrs":{"a":"b"},"releasedAt":"2026-01-02T03:04:05Z"}],' +
        '"sequenceNumber":7,"sequenceNumberForAllocation":{"10":1,"2":2},"deleted":false}',
    ],
  ])('%s are the same bytes after a read and a write', (_title, stored) => {
    expect(encodeBlock(decodeBlock(stored))).toBe(stored);
  });

  it('keep sequence numbers exact', () => {
    const stored =
      '{"cidr":"10.0.1.0/32","affinity":null,"allocations":[0],"unallocated":[],"attributes":[{}],"sequenceNumber":9007199254740993,"sequenceNumberForAllocation":{"0":9007199254740993},"deleted":false}';
    const block = decodeBlock(stored);
    expect(block.sequenceNumber).toBe(9007199254740993n);
    expect(block.sequenceNumberForAllocation).toEqual({ '0': 9007199254740993n });
    expect(encodeBlock({ ...block, sequenceNumber: block.sequenceNumber + 1n })).toContain(
      '"sequenceNumber":9007199254740994',
    );
  });

  it('of older releases lose their nulls', () => {
    const stored =
      '{"cidr":"10.0.1.0/32","hostAffinity":"n1","allocations":[0],"unallocated":[],"attributes":[{"handle_id":null,"secondary":null}],"sequenceNumber":1,"sequenceNumberForAllocation":null,"deleted":false}';
    expect(decodeBlock(stored)).toEqual({
      cidr: '10.0.1.0/32',
      affinity: 'host:n1',
      allocations: [0],
      unallocated: [],
      attributes: [{}],
      sequenceNumber: 1n,
      sequenceNumberForAllocation: {},
      deleted: false,
    });
  });

  it.each([
    '',
    '{}',
    'null',
    '{"cidr":"10.0.1.1/24"}',
    '{"cidr":"10.0.0.0/24","sequenceNumber":-1}',
    '{"cidr":"10.0.0.0/24","allocations":["x"]}',
  ])('are not %j', (text) => {
    expect(() => decodeBlock(text)).toThrow(ValidationError);
  });
});

describe('affinities, handles and configuration', () => {
  it('have the bytes that Calico writes', () => {
    expect(encodeAffinity({ state: 'confirmed', deleted: false })).toBe('{"state":"confirmed","deleted":false}');
    expect(encodeHandle({ block: { '10.0.1.0/26': 1 }, deleted: false })).toBe(
      '{"block":{"10.0.1.0/26":1},"deleted":false}',
    );
    expect(encodeIpamConfig({ strict_affinity: true, auto_allocate_blocks: true, maxBlocksPerHost: 20 })).toBe(
      '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":20}',
    );
    expect(encodeIpamConfig({ strict_affinity: false, auto_allocate_blocks: false, ipCooldownSeconds: 0 })).toBe('{}');
  });

  it('come back', () => {
    expect(decodeAffinity('{"state":"pendingDeletion","deleted":true}')).toEqual({
      state: 'pendingDeletion',
      deleted: true,
    });
    expect(decodeAffinity('')).toEqual({ state: '', deleted: false });
    expect(decodeHandle('{"block":{"10.0.1.0/26":2},"deleted":false}')).toEqual({
      block: { [parseCidr('10.0.1.0/26')]: 2 },
      deleted: false,
    });
    expect(() => decodeHandle('[]')).toThrow(ValidationError);
  });

  it('mean the defaults where no configuration is stored, and false where a stored one lacks a field', () => {
    expect(decodeIpamConfig(undefined)).toEqual({ strict_affinity: false, auto_allocate_blocks: true });
    expect(decodeIpamConfig('{"strict_affinity":true}').auto_allocate_blocks ?? false).toBe(false);
  });
});
