import { parseCidr, parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseResult, renderResult, type Result } from './result.ts';
import { supportedVersions } from './version.ts';

const result: Result = {
  interfaces: [{ name: 'calic1' }, { name: 'eth0', mac: '02:00:00:00:00:01', mtu: 1400, sandbox: '/run/netns/x' }],
  ips: [
    { ip: parseIp('10.0.0.5'), prefixLength: 32, interface: 1 },
    { ip: parseIp('fd00::5'), prefixLength: 128, interface: 1 },
  ],
  routes: [{ destination: parseCidr('0.0.0.0/0'), gateway: parseIp('169.254.1.1') }],
  dns: { nameservers: ['10.0.0.10'] },
};

describe('a result', () => {
  test('in 0.2.0 has one address per family and no interfaces', () => {
    expect(JSON.parse(renderResult(result, '0.2.0'))).toEqual({
      cniVersion: '0.2.0',
      ip4: { ip: '10.0.0.5/32', routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }] },
      ip6: { ip: 'fd00::5/128' },
      dns: { nameservers: ['10.0.0.10'] },
    });
  });

  test('in 0.3.1 and 0.4.0 names the version of each address', () => {
    for (const version of ['0.3.1', '0.4.0'] as const) {
      expect(JSON.parse(renderResult(result, version))).toMatchObject({
        cniVersion: version,
        ips: [
          { version: '4', address: '10.0.0.5/32', interface: 1 },
          { version: '6', address: 'fd00::5/128', interface: 1 },
        ],
      });
    }
  });

  test('in 1.0.0 has no address version, and the MTU from 1.1.0 on', () => {
    const parsed = JSON.parse(renderResult(result, '1.0.0')) as { ips: object[]; interfaces: object[] };
    expect(parsed.ips[0]).toEqual({ address: '10.0.0.5/32', interface: 1 });
    expect(parsed.interfaces[1]).not.toHaveProperty('mtu');
    const newest = JSON.parse(renderResult(result, '1.1.0')) as { interfaces: object[] };
    expect(newest.interfaces[1]).toHaveProperty('mtu', 1400);
  });

  test('is read back as it was written, in every version that can hold it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...supportedVersions), (version) => {
        const again = parseResult(JSON.parse(renderResult(result, version)), 'result');
        expect(again.ips.map(({ ip, prefixLength }) => ({ ip, prefixLength }))).toEqual(
          result.ips.map(({ ip, prefixLength }) => ({ ip, prefixLength })),
        );
        expect(again.routes).toEqual(result.routes);
        expect(again.dns).toEqual(result.dns);
        if (version === '1.1.0') expect(again).toEqual(result);
      }),
    );
  });

  test('with a malformed address is refused with its place', () => {
    expect(() => parseResult({ ips: [{ address: '10.0.0.5/32' }, { address: 'ten' }] }, 'prevResult')).toThrow(
      'prevResult.ips[1].address: "ten" is not an address/length',
    );
  });

  test('of any shape is either read or refused, never worse', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseResult(value, 'x');
        } catch (error) {
          expect(error).toHaveProperty('name', 'CniError');
        }
      }),
    );
  });
});
