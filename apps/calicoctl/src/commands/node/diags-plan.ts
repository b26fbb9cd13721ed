import type { Tool } from '../../diags/run-tool.ts';

/** One program's output, as a file of the archive. */
export interface Step extends Tool {
  readonly file: string;
  /** What the user is told; nothing for small things. */
  readonly info?: string;
}

function step(file: string, commandLine: string, info?: string): Step {
  const [command = '', ...args] = commandLine.split(' ');
  return { file, command, args, ...(info === undefined ? {} : { info }) };
}

/** What `node diags` runs, in this order. Every one only reads. */
export const DIAGS_STEPS: readonly Step[] = [
  step('date', 'date'),
  step('hostname', 'hostname'),
  step('kernel', 'uname -a'),
  step('uptime', 'uptime'),
  step('memory', 'free -m'),
  step('disks', 'df -h'),
  step('nft_version', 'nft --version'),
  step('iptables_version', 'iptables --version'),
  step('ip_version', 'ip -V'),
  step('processes', 'ps -eo pid,ppid,user,stat,lstart,time,rss,args', 'Dumping processes'),
  step('modules', 'lsmod'),
  step('netstat', 'ss -a -n -p', 'Dumping sockets'),
  step('links', 'ip -details -statistics link', 'Dumping links'),
  step('ipv4_addr', 'ip -4 addr', 'Dumping interface info (IPv4)'),
  step('ipv6_addr', 'ip -6 addr', 'Dumping interface info (IPv6)'),
  step('ipv4_route', 'ip -4 route show table all', 'Dumping routes (IPv4)'),
  step('ipv6_route', 'ip -6 route show table all', 'Dumping routes (IPv6)'),
  step('ipv4_rule', 'ip -4 rule', 'Dumping routing rules'),
  step('ipv6_rule', 'ip -6 rule'),
  step('ipv4_neigh', 'ip -4 neigh', 'Dumping neighbours'),
  step('ipv6_neigh', 'ip -6 neigh'),
  step('fdb', 'bridge fdb show'),
  step('netns', 'ip netns list'),
  step('nft_ruleset', 'nft --stateless --numeric list ruleset', 'Dumping nftables'),
  step('ipv4_tables', 'iptables-save -c', 'Dumping iptables (IPv4)'),
  step('ipv6_tables', 'ip6tables-save -c', 'Dumping iptables (IPv6)'),
  step('ipsets', 'ipset list', 'Dumping ipsets'),
  step('conntrack', 'conntrack -S'),
  step('wireguard', 'wg show'),
  step(
    'journalctl_calico_node',
    'journalctl -u calico-node.service --no-pager -n 20000',
    'Copying journal for calico-node.service',
  ),
  step('containers', 'docker ps -a --no-trunc --filter name=calico'),
];

/** Files of the host that say how it is configured, copied as they are but for secrets. */
export const DIAGS_FILES: readonly string[] = [
  '/etc/os-release',
  '/proc/version',
  '/proc/cmdline',
  '/proc/net/dev',
  '/proc/net/softnet_stat',
  '/proc/net/snmp',
  '/proc/sys/net/ipv4/ip_forward',
  '/proc/sys/net/ipv4/conf/all/rp_filter',
  '/proc/sys/net/ipv6/conf/all/forwarding',
  '/proc/sys/net/netfilter/nf_conntrack_count',
  '/proc/sys/net/netfilter/nf_conntrack_max',
];

/** Directories whose files are copied the same way. */
export const DIAGS_DIRECTORIES: readonly string[] = ['/etc/calico', '/etc/cni/net.d'];
