import { allocationsOf, ownerOf, utilizationOf, type Allocation } from '@calico-node/ipam';
import type { AllocationBlock, IPPool, IpamConfig } from '@calico-node/model';
import { splitCidr } from '@calico-node/net';
import { asciiTable } from '../../output/ascii-table.ts';
import { fiveDigits, wholePercent } from '../../output/go-number.ts';

/** `ipam show`: how full each pool is and, on request, each of its blocks; blocks without a pool come last. */
export function utilisationTable(
  pools: readonly IPPool[],
  blocks: readonly AllocationBlock[],
  showsBlocks: boolean,
): string {
  const { pools: uses, orphans } = utilizationOf(pools, blocks);
  const rows = [...uses, { cidr: undefined, capacity: 0n, inUse: 0, blocks: orphans }].flatMap((use) => {
    const blockRows = use.blocks.map((block) => row('Block', block.cidr, block.capacity, block.inUse));
    // Calico has no row for a pool that is all addresses, since it stands for no pool.
    const isPool = use.cidr !== undefined && splitCidr(use.cidr).prefixLength > 0;
    return [
      ...(isPool ? [row('IP Pool', use.cidr, Number(use.capacity), use.inUse)] : []),
      ...(showsBlocks ? blockRows : []),
    ];
  });
  return asciiTable(['Grouping', 'CIDR', 'IPs Total', 'IPs In Use', 'IPs Free'], rows);
}

function row(grouping: string, cidr: string, total: number, used: number): readonly string[] {
  const share = (count: number): string => `${fiveDigits(count)} (${wholePercent(count, total)})`;
  return [grouping, cidr, fiveDigits(total), share(used), share(total - used)];
}

/**
 * `ipam show --show-borrowed`: addresses used on another node than the one that has their block. Addresses
 * that name no node, as old releases gave them, can't be told; a note counts them.
 */
export function borrowedTable(blocks: readonly AllocationBlock[]): string {
  const allocations = blocks.flatMap(allocationsOf).filter(({ attribute }) => attribute?.releasedAt === undefined);
  const nodeOf = ({ attribute }: Allocation): string | undefined => attribute?.secondary?.['node'];
  const unclassified = allocations.filter((allocation) => nodeOf(allocation) === undefined).length;
  const rows = allocations.flatMap((allocation) => {
    const node = nodeOf(allocation);
    const owner = ownerOf(allocation.affinity);
    if (node === undefined || node === owner) return [];
    return [[allocation.ip, node, allocation.block, owner, ...holderOf(allocation)]];
  });
  const table = asciiTable(['IP', 'Borrowing-Node', 'Block', 'Block Owner', 'Type', 'Allocated-To'], rows);
  if (unclassified === 0) return table;
  return `${table}\nNote: found ${unclassified} IP allocations without an explicit node association. Unable to determine if they are borrowed.\n`;
}

function holderOf({ attribute }: Allocation): readonly [string, string] {
  const { type, pod, namespace, 'vmi-name': machine } = attribute?.secondary ?? {};
  if (machine !== undefined) return ['vmi', `${namespace ?? ''}/${machine}`];
  if (pod !== undefined) return ['pod', `${namespace ?? ''}/${pod}`];
  return [type ?? '', ''];
}

/** `ipam show --show-configuration`. */
export function configurationTable(config: IpamConfig): string {
  return asciiTable(
    ['Property', 'Value'],
    [
      ['StrictAffinity', String(config.strict_affinity ?? false)],
      ['AutoAllocateBlocks', String(config.auto_allocate_blocks ?? false)],
      ['MaxBlocksPerHost', String(config.maxBlocksPerHost ?? 0)],
      ['KubeVirtVMAddressPersistence', JSON.stringify(config.kubeVirtVMAddressPersistence ?? 'Enabled')],
      // Calico 3.32 has no such row, and no such setting.
      ...(config.ipCooldownSeconds ? [['IPCooldownSeconds', String(config.ipCooldownSeconds)]] : []),
    ],
  );
}
