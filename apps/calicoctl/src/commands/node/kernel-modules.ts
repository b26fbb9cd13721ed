/*
 * What Calico needs of the kernel, and where it can be found: as a loadable or built-in module, loaded, or in
 * the kernel's configuration.
 */
export interface RequiredModule {
  readonly name: string;
  /** Options of the kernel's configuration, any of which has it. */
  readonly options: readonly string[];
  /** Calico can do without. */
  readonly isOptional?: boolean;
}

/** In the order in which they are checked. */
export const REQUIRED_MODULES: readonly RequiredModule[] = [
  { name: 'ip_set', options: ['CONFIG_IP_SET'] },
  { name: 'ip_tables', options: ['CONFIG_IP_NF_IPTABLES'] },
  { name: 'ip6_tables', options: ['CONFIG_IP6_NF_IPTABLES'], isOptional: true },
  { name: 'ipt_ipvs', options: ['CONFIG_NETFILTER_XT_MATCH_IPVS'] },
  { name: 'ipt_REJECT', options: ['CONFIG_NFT_REJECT', 'CONFIG_IP_NF_TARGET_REJECT'] },
  { name: 'nf_conntrack_netlink', options: ['CONFIG_NF_CT_NETLINK'] },
  { name: 'vfio-pci', options: ['CONFIG_VFIO', 'CONFIG_VFIO_PCI'] },
  { name: 'xt_addrtype', options: ['CONFIG_NETFILTER_XT_MATCH_ADDRTYPE'] },
  { name: 'xt_bpf', options: ['CONFIG_NETFILTER_XT_MATCH_BPF', 'CONFIG_BPF'], isOptional: true },
  { name: 'xt_conntrack', options: ['CONFIG_NETFILTER_XT_MATCH_CONNTRACK'] },
  { name: 'xt_mark', options: ['CONFIG_NETFILTER_XT_MARK', 'CONFIG_IP_NF_TARGET_MARK'] },
  { name: 'xt_multiport', options: ['CONFIG_NETFILTER_XT_MATCH_MULTIPORT', 'CONFIG_IP_NF_MATCH_MULTIPORT'] },
  { name: 'xt_rpfilter', options: ['CONFIG_IP_NF_MATCH_RPFILTER'] },
  { name: 'xt_set', options: ['CONFIG_NETFILTER_XT_SET'] },
  { name: 'xt_u32', options: ['CONFIG_NETFILTER_XT_MATCH_U32'], isOptional: true },
];

/** What a host says of its kernel; empty where it says nothing. */
export interface KernelFacts {
  /** `uname -r` */
  readonly release: string;
  /** `modules.dep` and `modules.builtin`: a path at the start of each line. */
  readonly moduleFiles: string;
  /** `/proc/modules`: a name at the start of each line. */
  readonly loaded: string;
  /** `CONFIG_X=y` or `=m` in lines. */
  readonly config: string;
  /** `/proc/net/ip_tables_matches` and `_targets`: a name in each line. */
  readonly matches: string;
}

export type CheckResult = 'OK' | 'FAIL' | 'SKIP';

/** Network namespaces and veth pairs came with it. */
export const MIN_KERNEL = '2.6.24';

/** Whether a kernel release (`6.1.0-18-amd64`) is at least {@link MIN_KERNEL}. */
export function isKernelNewEnough(release: string): boolean {
  const numbers = (text: string): readonly number[] => (/^\d+(?:\.\d+)*/.exec(text)?.[0] ?? '0').split('.').map(Number);
  const [have, need] = [numbers(release), numbers(MIN_KERNEL)];
  for (const [index, part] of need.entries()) {
    const own = have[index] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}

/** Whether the kernel has a module, in one form or another. */
export function checkModule(required: RequiredModule, facts: KernelFacts): CheckResult {
  if (hasModule(required, facts)) return 'OK';
  return required.isOptional === true ? 'SKIP' : 'FAIL';
}

function hasModule({ name, options }: RequiredModule, { moduleFiles, loaded, config, matches }: KernelFacts): boolean {
  // The ipt_ names are older ones of xt_ modules; `-` and `_` are the same in module names.
  const names = [name, name.replace(/^ipt_/, 'xt_')].map((text) => text.replaceAll(/[-_]/g, '[-_]'));
  const any = `(?:${names.join('|')})`;
  return (
    new RegExp(`/${any}\\.ko`, 'm').test(moduleFiles) ||
    new RegExp(`^${any} `, 'm').test(loaded) ||
    new RegExp(`^(?:${options.join('|')})=[ym]`, 'm').test(config) ||
    new RegExp(`^${name.replace(/^(?:ipt|xt)_/, '')}$`, 'm').test(matches)
  );
}
