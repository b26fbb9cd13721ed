import { decodeHandle, handlePrefix, type IPPool } from '@calico-node/model';
import type { Io } from '../io.ts';
import { readBlocks } from '../ipam/blocks.ts';
import { checkIpam, handleIdOf, type CheckInputs, type CheckResult } from '../ipam/check.ts';
import { withSession, type DatastoreOptions, type Session } from '../session.ts';

export interface IpamCheckOptions extends DatastoreOptions {
  readonly showAllIps?: boolean;
  readonly showProblemIps?: boolean;
}

/** `calicoctl ipam check`: reports problems and changes nothing; finding some is no failure. */
export async function ipamCheck(options: IpamCheckOptions, io: Io): Promise<void> {
  io.out('Checking IPAM for inconsistencies...\n\n');
  const inputs = await withSession(options, io, readInputs);
  io.out(report(inputs, checkIpam(inputs), options));
}

async function readInputs({ backend, resources }: Session): Promise<CheckInputs> {
  const [blocks, pools, nodes, endpoints, handles] = await Promise.all([
    readBlocks(backend),
    resources.list('IPPool'),
    resources.list('Node'),
    resources.list('WorkloadEndpoint'),
    backend.list(handlePrefix),
  ]);
  return {
    blocks,
    pools: pools.items,
    nodes: nodes.items,
    endpoints: endpoints.items,
    handles: new Map(handles.items.map(({ key, value }) => [handleIdOf(key), decodeHandle(value)])),
  };
}

function report({ blocks, pools }: CheckInputs, result: CheckResult, options: IpamCheckOptions): string {
  const { allocations, tunnelIps, workloadIps, leaked, outsidePools, unallocated } = result;
  const showsProblems = options.showProblemIps === true || options.showAllIps === true;
  const details = (lines: readonly string[]): readonly string[] => (showsProblems ? lines : []);
  const inUse = new Set([...tunnelIps.keys(), ...workloadIps.keys()]);
  const all =
    options.showAllIps === true
      ? allocations.map(({ ip, attribute }) => `  ${ip} allocated; handle ${attribute.handle_id ?? '<none>'}`)
      : [];
  const problems =
    leaked.length +
    outsidePools.length +
    unallocated.length +
    result.leakedHandles.length +
    result.missingHandles.length +
    result.invalidBlocks.length;
  const lines = [
    'Loading all IPAM blocks...',
    `Found ${blocks.length} IPAM blocks.`,
    ...blocks.map((block) => ` IPAM block ${block.cidr} affinity=${block.affinity ?? '<none>'}:`),
    `IPAM blocks record ${allocations.length} allocations.`,
    ...all,
    '',
    'Loading all IPAM pools...',
    ...pools.filter(isActive).map((pool) => `  ${pool.spec.cidr}`),
    `Found ${pools.filter(isActive).length} active IP pools.`,
    '',
    'Loading all nodes.',
    `Found ${tunnelIps.size} node tunnel IPs.`,
    '',
    'Loading all workload endpoints.',
    `Found ${workloadIps.size} workload IPs.`,
    `Workloads and nodes are using ${inUse.size} IPs.`,
    '',
    'Scanning for IPs that are allocated but not actually in use...',
    ...details(leaked.map(({ ip, attribute }) => `  ${ip} leaked; handle ${attribute.handle_id ?? '<none>'}`)),
    `Found ${leaked.length} IPs that are allocated in IPAM but not actually in use.`,
    'Scanning for IPs that are in use by a workload or node but not allocated in IPAM...',
    ...details(outsidePools.map((ip) => `  ${ip} in use by ${userOf(result, ip)} and not in an active pool`)),
    ...details(unallocated.map((ip) => `  ${ip} in use by ${userOf(result, ip)} and not allocated`)),
    `Found ${outsidePools.length} in-use IPs that are not in active IP pools.`,
    `Found ${unallocated.length} in-use IPs that are in active IP pools but have no corresponding IPAM allocation.`,
    '',
    'Scanning for IPAM handles with no matching IPs...',
    ...details(result.leakedHandles.map((id) => `  ${id}`)),
    `Found ${result.leakedHandles.length} handles with no matching IPs (and ${result.goodHandles} handles with matches).`,
    'Scanning for IPs with missing handle...',
    ...details(result.missingHandles.map((id) => `  ${id}`)),
    `Found ${result.missingHandles.length} handles mentioned in blocks with no matching handle resource.`,
    'Scanning for invalid IPAM blocks...',
    ...details(result.invalidBlocks.map((block) => `  ${block.cidr}`)),
    `Found ${result.invalidBlocks.length} invalid IPAMBlocks.`,
    `Check complete; found ${problems} problems.`,
  ];
  return `${lines.join('\n')}\n`;
}

function isActive(pool: IPPool): boolean {
  return pool.spec.disabled !== true;
}

function userOf({ tunnelIps, workloadIps }: CheckResult, ip: CheckResult['unallocated'][number]): string {
  return workloadIps.get(ip) ?? tunnelIps.get(ip) ?? 'nobody';
}
