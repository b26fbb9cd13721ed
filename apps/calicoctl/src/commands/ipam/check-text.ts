import type { AddressUse, CheckedAllocation, Consistency } from '@calico-node/ipam';
import type { AllocationAttribute, AllocationBlock, IPPool } from '@calico-node/model';
import type { IpAddress } from '@calico-node/net';
import type { LoadBalancers } from './load-balancers.ts';

export interface CheckTextInputs {
  readonly blocks: readonly AllocationBlock[];
  readonly pools: readonly IPPool[];
  readonly result: Consistency;
  /** Undefined when nobody could be asked for services. */
  readonly loadBalancers: LoadBalancers | undefined;
  /** `IPAMBlock <key> is invalid: <problem>` */
  readonly invalid: readonly { readonly key: string; readonly problem: string }[];
  /** `--show-all-ips`, which shows problems too. */
  readonly showsAll: boolean;
  /** `--show-problem-ips` */
  readonly showsProblems: boolean;
}

const NODES_SHOWN = 20;

/** What `ipam check` says, in calicoctl's sections and words. */
export function checkText(inputs: CheckTextInputs): string {
  const { blocks, pools, result, loadBalancers, invalid, showsAll, showsProblems } = inputs;
  const all = (lines: readonly string[]): readonly string[] => (showsAll ? lines : []);
  const problems = (lines: readonly string[]): readonly string[] => (showsAll || showsProblems ? lines : []);
  const { leaked, outsidePools, unallocated, leakedHandles, goodHandles, missingHandles } = result;
  const leakedCount = new Set(leaked.map(({ ip }) => ip)).size;
  const byBlock = Map.groupBy(result.allocations, ({ block }) => block);
  const active = pools.filter(({ spec }) => spec.disabled !== true);
  const count = leakedCount + outsidePools.length + unallocated.length + leakedHandles.length + invalid.length;
  const lines = [
    'Loading all IPAM blocks...',
    `Found ${blocks.length} IPAM blocks.`,
    ...blocks.flatMap(({ cidr, affinity }) => [
      ` IPAM block ${cidr} affinity=${affinity ?? '<none>'}:`,
      ...all((byBlock.get(cidr) ?? []).map(({ ip, attribute }) => `  ${ip} allocated; attrs ${attributes(attribute)}`)),
    ]),
    `IPAM blocks record ${result.allocations.length} allocations.`,
    '',
    'Loading all IPAM pools...',
    ...active.map(({ spec }) => `  ${spec.cidr}`),
    `Found ${active.length} active IP pools.`,
    '',
    'Loading all nodes.',
    ...all(result.tunnelUses.map(useLine)),
    `Found ${result.tunnelUses.length} node tunnel IPs.`,
    '',
    'Loading all service load balancer IPs.',
    ...(loadBalancers === undefined
      ? presumedLines(result, showsAll)
      : [...all(loadBalancers.uses.map(useLine)), `Found ${loadBalancers.count} service load balancer.`]),
    '',
    'Loading all workload endpoints.',
    ...all(result.workloadUses.map(useLine)),
    `Found ${result.workloadUses.length} workload IPs.`,
    `Workloads and nodes are using ${result.usesByIp.size} IPs.`,
    '',
    'Loading all handles',
    ...topNodes(result.allocations),
    '',
    'Scanning for IPs that are allocated but not actually in use...',
    ...problems(leaked.map(({ ip, attribute }) => `  ${ip} leaked; attrs ${attributes(attribute)}`)),
    `Found ${leakedCount} IPs that are allocated in IPAM but not actually in use.`,
    'Scanning for IPs that are in use by a workload or node but not allocated in IPAM...',
    ...problems(userProblems(result)),
    `Found ${outsidePools.length} in-use IPs that are not in active IP pools.`,
    `Found ${unallocated.length} in-use IPs that are in active IP pools but have no corresponding IPAM allocation.`,
    '',
    'Scanning for IPAM handles with no matching IPs...',
    ...all(leakedHandles.map((id) => `  ${id} doesn't have any active IPs.`)),
    `Found ${leakedHandles.length} handles with no matching IPs (and ${goodHandles.length} handles with matches).`,
    'Scanning for IPs with missing handle...',
    ...problems(missingHandles.map((id) => `  ${id} is in use in a block but doesn't exist.`)),
    `Found ${missingHandles.length} handles mentioned in blocks with no matching handle resource.`,
    'Validating IPAMBlock structures...',
    ...invalid.map(({ key, problem }) => `  IPAMBlock ${key} is invalid: ${problem}`),
    `Found ${invalid.length} invalid IPAMBlocks.`,
    `Check complete; found ${count} problems.`,
  ];
  return `${lines.join('\n')}\n`;
}

function presumedLines({ allocations }: Consistency, showsAll: boolean): readonly string[] {
  const presumed = allocations.filter(({ isLoadBalancer }) => isLoadBalancer);
  return [
    'Services are not read: neither --kubeconfig nor KUBECONFIG is set. Load balancer addresses are taken to be in use.',
    ...(showsAll ? presumed.map(({ ip, owners }) => `  ${ip} belongs to ${owners.join(', ')}`) : []),
    `Found ${presumed.length} allocated load balancer IPs.`,
  ];
}

function useLine({ ip, owner }: AddressUse): string {
  return `  ${ip} belongs to ${owner}`;
}

/** The nodes with the most allocations; those of load balancers and of nobody count for a node without name. */
function topNodes(allocations: readonly CheckedAllocation[]): readonly string[] {
  const counts = [...Map.groupBy(allocations, ({ node }) => node)]
    .map(([node, { length }]) => ({ node, length }))
    .sort((a, b) => b.length - a.length || (a.node < b.node ? -1 : 1));
  const [most] = counts;
  const median = counts[Math.floor(counts.length / 2)];
  return [
    `Looking for top (up to ${NODES_SHOWN}) nodes by allocations...`,
    ...counts.slice(0, NODES_SHOWN).map(({ node, length }) => `  ${node} has ${length} allocations`),
    ...(most === undefined || median === undefined
      ? []
      : [`Node with most allocations has ${most.length}; median is ${median.length}`]),
  ];
}

function userProblems({ usesByIp, outsidePools, unallocated }: Consistency): readonly string[] {
  const outside = new Set<IpAddress>(outsidePools);
  const missing = new Set<IpAddress>(unallocated);
  return [...usesByIp].flatMap(([ip, uses]) => [
    ...(uses.length > 1 ? [`  ${ip} has multiple owners.`] : []),
    ...(outside.has(ip) ? uses.map(({ owner }) => `  ${ip} in use by ${owner} is not in any active IP pool.`) : []),
    ...(missing.has(ip)
      ? uses.map(({ owner }) => `  ${ip} in use by ${owner} and in active IPAM pool but has no IPAM allocation.`)
      : []),
  ]);
}

function attributes(attribute: AllocationAttribute | undefined): string {
  if (attribute === undefined) return '<missing>';
  const { handle_id: handle, secondary, alternateOwnerAttrs } = attribute;
  const alternate = pairs(alternateOwnerAttrs);
  return `Main:${handle ?? '<none>'} Extra:${pairs(secondary)}${alternate === '' ? '' : ` Alternate:${alternate}`}`;
}

function pairs(record: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(record ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
