import { describe, expect, it } from 'vitest';
import { readPeerAddress } from './peer-address.ts';

describe("a socket's address", () => {
  it.each([
    ['10.0.0.1', { address: '10.0.0.1' }],
    ['fd00:0::1', { address: 'fd00::1' }],
    ['fe80::1%eth0', { address: 'fe80::1', interfaceName: 'eth0' }],
    ['fe80::1%a%b', { address: 'fe80::1', interfaceName: 'a%b' }],
    ['fe80::1', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is read', (text, peer) => {
    expect(readPeerAddress(text)).toEqual(peer);
  });
});
