import { parseIp } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import type { Detection } from './autodetect.ts';
import { decideAddress, needsDetection } from './decide-address.ts';

const found: Detection = {
  found: true,
  address: { ip: parseIp('10.0.0.5'), prefixLength: 24 },
  interfaceName: 'eth0',
};
const missing: Detection = { found: false, reason: 'no usable IPv4 address on eth0' };
const set = { kind: 'set', address: '10.0.0.5/24' };
const unset = { kind: 'unset' } as const;
const autodetect = { kind: 'autodetect' } as const;

describe('the address of a node', () => {
  test('is looked for when asked, and for IPv4 when there is none', () => {
    expect(needsDetection({ family: 4, setting: unset, hasStored: false })).toBe(true);
    expect(needsDetection({ family: 4, setting: unset, hasStored: true })).toBe(false);
    expect(needsDetection({ family: 6, setting: unset, hasStored: false })).toBe(false);
    expect(needsDetection({ family: 6, setting: autodetect, hasStored: true })).toBe(true);
    expect(needsDetection({ family: 4, setting: { kind: 'none' }, hasStored: false })).toBe(false);
  });

  test('is what was detected', () => {
    expect(decideAddress({ family: 4, setting: unset, hasStored: false }, found)).toEqual({ ...set, isDetected: true });
  });

  test('stays when detection fails', () => {
    expect(decideAddress({ family: 4, setting: autodetect, hasStored: true }, missing)).toEqual({ kind: 'keep' });
  });

  test('is fatal to lack, in words that say what to do', () => {
    expect(() => decideAddress({ family: 4, setting: autodetect, hasStored: false }, missing)).toThrow(
      /no usable IPv4 address on eth0; set IP to/,
    );
  });

  test('takes the prefix length of the interface that has it', () => {
    const setting = { kind: 'address', ip: parseIp('10.0.0.5'), prefixLength: undefined } as const;
    const question = { family: 4, setting, hasStored: false } as const;
    expect(decideAddress(question, found)).toEqual({ ...set, isDetected: false });
    expect(decideAddress(question, missing)).toMatchObject({ address: '10.0.0.5/32' });
  });
});
