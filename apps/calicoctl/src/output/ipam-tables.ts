import type { AllocationBlock, IPPool, IpamConfig } from '@calico-node/model';
import { cidrContains, cidrSize, tryParseCidr } from '@calico-node/net';
import { allocationsOf, type Allocation } from '../ipam/blocks.ts';
import { asciiTable } from './ascii-table.ts';
import { fiveDigits, wholePercent } from './go-number.ts';

/** `ipam show`: how full each pool is and, on request, each of its blocks (calico-calicoctl 9.6). */
export function utilisationTable(
  pools: readonly IPPool[],
  blocks: readonly AllocationBlock[],
  showsBlocks: boolean,
): string {
  const rows = pools.flatMap(({ spec }) => {
    const cidr = tryParseCidr(spec.cidr);
    if (cidr === undefined) return [];
    const inPool = blocks
      .filter((block) => cidrContains(cidr, block.cidr))
      .map((block) => ({
        cidr: block.cidr,
        total: block.allocations.length,
        used: allocationsOf(block).length,
      }));
    const used = inPool.reduce((sum, block) => sum + block.used, 0);
    const poolRow = utilisationRow('IP Pool', cidr, Number(cidrSize(cidr)), used);
    const blockRows = inPool.map((block) => utilisationRow('Block', block.cidr, block.total, block.used));
    return showsBlocks ? [poolRow, ...blockRows] : [poolRow];
  });
  return asciiTable(['Grouping', 'CIDR', 'IPs Total', 'IPs In Use', 'IPs Free'], rows);
}

function utilisationRow(grouping: string, cidr: string, total: number, used: number): readonly string[] {
  const share = (count: number): string => `${fiveDigits(count)} (${wholePercent(count, total)})`;
  return [grouping, cidr, fiveDigits(total), share(used), share(total - used)];
}

/** `ipam show --show-borrowed`: addresses used on another node than the one that has their block. */
export function borrowedTable(blocks: readonly AllocationBlock[]): string {
  const rows = blocks.flatMap(allocationsOf).flatMap((allocation) => {
    const node = allocation.attribute.secondary?.['node'] ?? '';
    if (node === '' || node === allocation.owner) return [];
    const [type, allocatedTo] = holderOf(allocation);
    return [[allocation.ip, node, allocation.block, allocation.owner, type, allocatedTo]];
  });
  return asciiTable(['IP', 'Borrowing-Node', 'Block', 'Block Owner', 'Type', 'Allocated-To'], rows);
}

function holderOf({ attribute }: Allocation): readonly [string, string] {
  const { type, pod, namespace, 'vmi-name': machine } = attribute.secondary ?? {};
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
    ],
  );
}
