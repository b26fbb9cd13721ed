import { Ipam, isIpamError } from '@calico-node/ipam';
import type { AllocationAttribute } from '@calico-node/model';
import type { IpAddress } from '@calico-node/net';
import type { Io } from '../../io.ts';
import { readBlocks } from './blocks.ts';
import { borrowedTable, configurationTable, utilisationTable } from './tables.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';
import { addressArgument } from './address-argument.ts';

export interface IpamShowOptions extends DatastoreOptions {
  readonly ip?: string;
  readonly showBlocks?: boolean;
  readonly showBorrowed?: boolean;
  readonly showConfiguration?: boolean;
}

/** `calicoctl ipam show`. */
export async function ipamShow(options: IpamShowOptions, io: Io): Promise<void> {
  const ip = options.ip === undefined ? undefined : addressArgument(options.ip);
  const text = await withSession(options, io, async ({ backend, resources }) => {
    const ipam = new Ipam(backend);
    if (ip !== undefined) return describeAddress(ip, ipam);
    if (options.showConfiguration === true) return configurationTable(await ipam.config());
    const blocks = await readBlocks(backend);
    if (options.showBorrowed === true) return borrowedTable(blocks);
    const { items: pools } = await resources.list('IPPool');
    return utilisationTable(pools, blocks, options.showBlocks === true);
  });
  io.out(text);
}

async function describeAddress(ip: IpAddress, ipam: Ipam): Promise<string> {
  try {
    return describeAllocation(ip, await ipam.attributesOf(ip));
  } catch (error) {
    if (isIpamError(error, 'not-assigned')) return `${ip} is not assigned\n`;
    throw error;
  }
}

/** Who holds an address, as Calico says it since 3.32. */
function describeAllocation(
  ip: IpAddress,
  { handle_id: handle, secondary, alternateOwnerAttrs }: AllocationAttribute,
): string {
  const lines = [`IP ${ip} is in use`, `Handle ID: ${handle ?? '<none>'}`];
  const active = attributeLines(secondary);
  if (active.length === 0) lines.push('No Active Owner attributes defined');
  else lines.push('Active Owner Attributes:', ...active);
  const alternate = attributeLines(alternateOwnerAttrs);
  if (alternate.length > 0) lines.push('Alternate Owner Attributes:', ...alternate);
  return `${lines.join('\n')}\n`;
}

function attributeLines(attributes: Readonly<Record<string, string>> | undefined): readonly string[] {
  return Object.entries(attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `  ${name}: ${value}`);
}
