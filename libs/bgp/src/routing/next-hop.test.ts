import { parseIp } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import { decodeUpdate } from '../wire/update.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { exportAttributes, type ExportTarget } from './export.ts';
import { linkAddress, locateNextHop, splitNextHop, usedNextHop, type PeerLink } from './next-hop.ts';
import type { RouteSource } from './route-source.ts';

const [global, linkLocal, peer] = [parseIp('2001:db8::2'), parseIp('fe80::2'), parseIp('2001:db8::9')];
const both: PathAttributes = { origin: 'IGP', asPath: [], nextHop: global, linkLocalNextHop: linkLocal };
const alone: PathAttributes = { origin: 'IGP', asPath: [], nextHop: linkLocal };
const link: PeerLink = { interfaceName: 'eth0', isOnLink: (address) => address === global };
const elsewhere: PeerLink = { interfaceName: 'eth0', isOnLink: () => false };

describe('a next hop with a link-local address', () => {
  it('leads over the link of the session', () => {
    for (const attributes of [both, alone]) {
      const located = locateNextHop(attributes, { address: peer, external: true }, () => link);
      expect(located && usedNextHop(located)).toBe('fe80::2%eth0');
    }
  });

  it('leads to the global address where that one is not on the link, and the session neither', () => {
    const used = (address = peer, external = true): string | undefined => {
      const located = locateNextHop(both, { address, external }, () => elsewhere);
      return located && usedNextHop(located);
    };
    expect(used()).toBe(global);
    expect(used(global)).toBe('fe80::2%eth0');
    expect(used(parseIp('fe80::9'))).toBe('fe80::2%eth0');
    expect(used(parseIp('fe80::9'), false)).toBe('fe80::2%eth0');
  });

  it('leads to the global address of a peer in our AS, unless the session runs between link-local ones', () => {
    const located = locateNextHop(both, { address: global, external: false }, () => link);
    expect(located && usedNextHop(located)).toBe(global);
  });

  it('is of no use alone from a peer that is on no link with this node', () => {
    expect(locateNextHop(alone, { address: peer, external: true }, () => undefined)).toBeUndefined();
    expect(locateNextHop(both, { address: peer, external: true }, () => undefined)).toBe(both);
  });

  it('does not have the link asked for where there is none to use', () => {
    const plain: PathAttributes = { origin: 'IGP', asPath: [], nextHop: global };
    const never = (): never => {
      throw new Error('asked');
    };
    expect(locateNextHop(plain, { address: peer, external: true }, never)).toBe(plain);
  });

  it('never goes to others as it came', () => {
    const source: RouteSource = { kind: 'bgp', external: true, routerId: 1, address: linkLocal, client: false };
    const [selfAddress, selfLinkLocal] = [parseIp('2001:db8::1'), parseIp('fe80::1')];
    const target: ExportTarget = {
      external: false,
      localAs: 1,
      routerId: 1,
      clusterId: 1,
      selfAddress,
      selfLinkLocal,
      nextHopMode: 'keep',
      client: false,
    };
    const kept = exportAttributes(source, { ...both, linkInterface: 'eth0' }, target);
    expect(kept).toMatchObject({ nextHop: global });
    expect(kept.linkLocalNextHop).toBeUndefined();
    expect(kept).not.toHaveProperty('linkInterface');
    expect(exportAttributes(source, { ...alone, linkInterface: 'eth0' }, target)).toMatchObject({
      nextHop: selfAddress,
      linkLocalNextHop: selfLinkLocal,
    });
  });

  it('is taken apart as it was put together', () => {
    expect(splitNextHop(linkAddress(linkLocal, 'eth0.7'))).toEqual({ address: linkLocal, interfaceName: 'eth0.7' });
    expect(splitNextHop(global)).toEqual({ address: global, interfaceName: undefined });
  });
});

describe('MP_REACH_NLRI', () => {
  const octets = (text: string): number[] => [...Buffer.from(text.padEnd(32, '0'), 'hex')];
  const [zero, ll, other, real] = [octets(''), octets('fe80').fill(2, 15), octets('fe80').fill(3, 15), octets('2001')];
  const reach = (...hops: readonly (readonly number[])[]): PathAttributes | undefined => {
    const value = [0, 2, 1, hops.length * 16, ...hops.flat(), 0, 16, 0x20, 1];
    const attributes = [0x80, 14, value.length, ...value, 0x40, 1, 1, 0, 0x40, 2, 0];
    const bytes = Uint8Array.from([0, 0, 0, attributes.length, ...attributes]);
    const update = decodeUpdate(bytes, 0, bytes.length, { as4: true, external: true, families: [6], addPath: [] });
    return update.kind === 'update' ? update.announced[0]?.attributes : undefined;
  };

  it.each([
    ['a link-local address alone', [ll]],
    ['no global address before the link-local one', [zero, ll]],
    ['link-local addresses in both places', [other, ll]],
  ])('with %s has that as its next hop', (_name, hops) => {
    const attributes = reach(...hops);
    expect(attributes?.nextHop).toBe('fe80::2');
    expect(attributes?.linkLocalNextHop).toBeUndefined();
  });

  it('has both, and passes over a second address that is no link-local one', () => {
    expect(reach(real, ll)).toMatchObject({ nextHop: '2001::', linkLocalNextHop: 'fe80::2' });
    expect(reach(real, real)?.nextHop).toBe('2001::');
    expect(reach(real, real)?.linkLocalNextHop).toBeUndefined();
    expect(reach(zero, zero)).toBeUndefined();
  });
});
