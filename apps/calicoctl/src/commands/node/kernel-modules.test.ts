import { describe, expect, it } from 'vitest';
import { checkModule, isKernelNewEnough, REQUIRED_MODULES, type KernelFacts } from './kernel-modules.ts';

const nothing: KernelFacts = { release: '6.1.0', moduleFiles: '', loaded: '', config: '', matches: '' };

function check(name: string, facts: Partial<KernelFacts>): string {
  return checkModule(
    REQUIRED_MODULES.find((required) => required.name === name)!,
    { ...nothing, ...facts },
  );
}

describe('a kernel', () => {
  it.each(['2.6.24', '2.6.24-1-amd64', '2.6.32', '3.0', '4.19.0', '6.18.44-fc', '10.1'])(
    '%s is new enough',
    (release) => {
      expect(isKernelNewEnough(release)).toBe(true);
    },
  );

  it.each(['2.6.23', '2.6', '2.4.99', '1.0', '', 'x'])('%j is not', (release) => {
    expect(isKernelNewEnough(release)).toBe(false);
  });
});

describe('a module', () => {
  it.each<[string, string, Partial<KernelFacts>]>([
    ['loadable', 'ip_set', { moduleFiles: 'kernel/net/netfilter/ipset/ip_set.ko.xz: kernel/x.ko\n' }],
    ['built in', 'xt_set', { moduleFiles: 'kernel/net/netfilter/xt_set.ko\n' }],
    ['loadable under its newer name', 'ipt_ipvs', { moduleFiles: 'kernel/net/netfilter/xt_ipvs.ko:\n' }],
    ['loaded', 'vfio-pci', { loaded: 'a 1 0 - Live\nvfio_pci 16384 0 - Live 0x0\n' }],
    ['in the configuration', 'xt_mark', { config: '# x\nCONFIG_NETFILTER_XT_MARK=y\n' }],
    ['a module of the configuration', 'ip_tables', { config: 'CONFIG_IP_NF_IPTABLES=m' }],
    ['known to iptables', 'xt_multiport', { matches: 'udp\nmultiport\n' }],
  ])('is there when it is %s', (_, name, facts) => {
    expect(check(name, facts)).toBe('OK');
  });

  it('is not there when only another one is', () => {
    const others = {
      moduleFiles: '/ip_set_hash_net.ko',
      loaded: 'ip_set_bitmap 1',
      config: 'CONFIG_IP_SET_MAX=256\n# CONFIG_IP_SET is not set',
    };
    expect(check('ip_set', others)).toBe('FAIL');
  });

  it('may be missing when it is optional', () => {
    expect(
      REQUIRED_MODULES.filter((required) => checkModule(required, nothing) === 'SKIP').map(({ name }) => name),
    ).toEqual(['ip6_tables', 'xt_bpf', 'xt_u32']);
  });
});
