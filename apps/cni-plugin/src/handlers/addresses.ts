import { familyOf, parseCidr, parseIp, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import type { EndpointDraft } from '@calico-node/datastore';
import {
  goTimeString,
  type Address,
  type AddressRequest,
  type AssignedTogether,
  type Families,
} from '@calico-node/workload';
import { ipamHandle, legacyHandle } from '../endpoint/workload.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { Machine, Wishes } from '../endpoint/description.ts';
import { isOfPod, mayBeMachine, type AttachmentCall, type PodCall } from './call.ts';
import { delegate, delegateAdd } from './ipam-delegate.ts';
import { withPodCidrs } from './pod-cidrs.ts';

/** The type of our own IPAM plug-in: its work is done here, without an exec. */
const ownType = 'calico-ipam';

/** The routes of a workload to which nobody gives others. */
export const everywhere: readonly Cidr[] = [parseCidr('0.0.0.0/0'), parseCidr('::/0')];

/** Whether an IPAM type is another plug-in's. */
export function isDelegated(type: string): boolean {
  return type !== '' && type !== ownType;
}

/**
 * Whether a plug-in gets its addresses over the interface itself: then that has to be there, and up, before the plug-in
 * is asked, and until its lease is given back.
 */
export function needsInterface({ config }: Pick<AttachmentCall, 'config'>): boolean {
  return config.ipam.type === 'dhcp';
}

/** What IPAM keeps with an address, as Calico's garbage collection expects it. */
function attributesOf({ node, workload }: AttachmentCall): Record<string, string> {
  return {
    node,
    timestamp: goTimeString(new Date()),
    ...(workload.orchestrator === 'k8s' ? { namespace: workload.namespace, pod: workload.pod } : {}),
  };
}

function requestedIp(call: AttachmentCall): IpAddress | undefined {
  const text = call.attachment.args.get('IP') ?? '';
  if (text === '') return undefined;
  try {
    return parseIp(text);
  } catch (error) {
    throw new CniError(cniCodes.invalidEnvironment, `CNI_ARGS: IP='${text}' is not an address`, { cause: error });
  }
}

function handleOf({ config, attachment }: AttachmentCall): string {
  return ipamHandle(config.name, attachment.containerId, attachment.ifName);
}

/** The addresses that an attachment has to have, when it asks for certain ones; none otherwise. */
function specificAddresses(call: AttachmentCall, wishes: Wishes): readonly IpAddress[] {
  const ip = requestedIp(call);
  return ip === undefined ? (wishes.addresses ?? []) : [ip];
}

function wantedFamilies({ config }: AttachmentCall, { families }: Wishes): Families {
  return families ?? { ipv4: config.ipam.assignIpv4, ipv6: config.ipam.assignIpv6 };
}

/** Of which families the attachment's addresses will be, as far as that is known before they are given. */
export function expectedFamilies(call: AttachmentCall, wishes: Wishes): Families | undefined {
  const { addressesWithoutIpam: brought } = wishes;
  if (brought === undefined && (call.config.ipam.type !== ownType || wishes.machine !== undefined)) return undefined;
  const specific = brought ?? specificAddresses(call, wishes);
  if (specific.length === 0) return wantedFamilies(call, wishes);
  const has = (family: Family): boolean => specific.some((ip) => familyOf(ip) === family);
  return { ipv4: has(4), ipv6: has(6) };
}

/** What the configuration and the pod ask for, for a handle. @throws CniError code 7 when that is nothing */
function addressRequest(
  { config, node, workload }: AttachmentCall,
  wishes: Wishes,
  families: Families,
  handleId: string,
  attributes: Readonly<Record<string, string>>,
): AddressRequest {
  if (!families.ipv4 && !families.ipv6) {
    throw new CniError(cniCodes.invalidConfig, 'ipam: assign_ipv4 and assign_ipv6 are both false: no address to give');
  }
  const { ipv4Pools, ipv6Pools } = { ...config.ipam, ...wishes };
  return {
    node,
    handleId,
    attributes,
    ipv4: families.ipv4 ? 1 : 0,
    ipv6: families.ipv6 ? 1 : 0,
    ipv4Pools,
    ipv6Pools,
    namespace: workload.orchestrator === 'k8s' ? workload.namespace : undefined,
    namespaceLabels: wishes.namespaceLabels,
  };
}

function requireBoth({ ipv4, ipv6 }: Families, addresses: readonly Address[]): void {
  for (const [family, isWanted] of [[4, ipv4] as const, [6, ipv6] as const]) {
    if (isWanted && !addresses.some((address) => familyOf(address.ip) === family)) {
      throw new CniError(cniCodes.failed, `no IPv${family} address was given: the pools have none left`);
    }
  }
}

async function assignSpecific(
  { node, store, signal }: AttachmentCall,
  ips: readonly IpAddress[],
  handleId: string,
  attributes: Readonly<Record<string, string>>,
): Promise<readonly Address[]> {
  const assigned: Address[] = [];
  for (const ip of ips) {
    assigned.push(await store.addresses.assignSpecific({ node, handleId, attributes, ip }, signal));
  }
  return assigned;
}

/** The addresses of the virtual machine that the pod runs. */
async function assignOfMachine(call: PodCall, machine: Machine, wishes: Wishes): Promise<readonly Address[]> {
  const { assignToMachine } = await import('./machine.ts');
  return assignToMachine(call, machine, attributesOf(call), async (handleId, attributes, held) => {
    const specific = specificAddresses(call, wishes);
    if (specific.length > 0) {
      return held.length > 0 ? held : assignSpecific(call, specific, handleId, attributes);
    }
    const families = wantedFamilies(call, wishes);
    const request = addressRequest(call, wishes, families, handleId, attributes);
    const assigned = await call.store.machines.addresses.assign(request, call.signal);
    requireBoth(families, assigned);
    return assigned;
  });
}

/**
 * Gives the attachment its addresses from Calico's IPAM; the same ones when asked again. An endpoint may be created in
 * the same step, if the addresses need not be certain ones.
 *
 * @throws CniError, IpamError, RpcError
 */
async function assignWithEndpoint(
  call: AttachmentCall,
  wishes: Wishes,
  draft: EndpointDraft | undefined,
): Promise<AssignedTogether> {
  const { store, signal } = call;
  const apart = (addresses: readonly Address[]): AssignedTogether => ({ addresses, endpointRevision: undefined });
  if (wishes.machine !== undefined && isOfPod(call)) return apart(await assignOfMachine(call, wishes.machine, wishes));
  const handleId = handleOf(call);
  const attributes = attributesOf(call);
  const specific = specificAddresses(call, wishes);
  if (specific.length > 0) return apart(await assignSpecific(call, specific, handleId, attributes));
  const families = wantedFamilies(call, wishes);
  const request = addressRequest(call, wishes, families, handleId, attributes);
  const assigned =
    draft === undefined
      ? apart(await store.addresses.assign(request, signal))
      : await store.addresses.assignTogether(request, draft, signal);
  requireBoth(families, assigned.addresses);
  return assigned;
}

/** The attachment's addresses from Calico's IPAM; the same ones when asked again. @throws CniError, IpamError, RpcError */
export async function assignOwn(call: AttachmentCall, wishes: Wishes = {}): Promise<readonly Address[]> {
  return (await assignWithEndpoint(call, wishes, undefined)).addresses;
}

/** Gives back everything that the attachment holds in Calico's IPAM; holding nothing is well. */
export async function releaseOwn(call: AttachmentCall): Promise<void> {
  const { store, workload, signal } = call;
  if (isOfPod(call) && mayBeMachine(call)) {
    const { leaveMachine } = await import('./machine.ts');
    await leaveMachine(call);
  }
  await Promise.all([
    store.addresses.release(handleOf(call), signal),
    ...(workload.endpoint === 'eth0' ? [store.addresses.release(legacyHandle(workload), signal)] : []),
  ]);
}

export interface GivenAddresses {
  readonly ips: readonly IpAddress[];
  /** Where the workload may go; undefined: everywhere. */
  readonly routes: readonly Cidr[] | undefined;
  readonly dns: Readonly<Record<string, unknown>>;
  /** The revision at which the endpoint was created in the same step. */
  readonly endpointRevision?: bigint | undefined;
}

/** The IPAM plug-in's type. @throws CniError code 7 when the configuration names none. */
export function requireIpam({ config }: Pick<AttachmentCall, 'config'>): string {
  if (config.ipam.type !== '') return config.ipam.type;
  throw new CniError(cniCodes.invalidConfig, 'invalid network configuration: ipam.type: missing');
}

/**
 * Gives the attachment its addresses, from whichever IPAM plug-in the configuration names, or those that it brings
 * along. The endpoint is created with them where that takes no further step.
 */
export async function assignAddresses(
  call: AttachmentCall,
  wishes: Wishes = {},
  draft?: EndpointDraft,
): Promise<GivenAddresses> {
  const type = requireIpam(call);
  if (wishes.addressesWithoutIpam !== undefined) {
    return { ips: wishes.addressesWithoutIpam, routes: undefined, dns: {} };
  }
  if (type === ownType) {
    const { addresses, endpointRevision } = await assignWithEndpoint(call, wishes, draft);
    return { ips: addresses.map(({ ip }) => ip), routes: undefined, dns: {}, endpointRevision };
  }
  const { config, pluginPath, variables, signal } = call;
  const document = await withPodCidrs(call);
  const result = await delegateAdd({ type, pluginPath, variables, document, signal });
  if (result.ips.length === 0) throw new CniError(cniCodes.failed, `${type} gave no address`);
  const listed = result.routes.map(({ destination }) => destination);
  const added = config.includeDefaultRoutes ? everywhere : [];
  return {
    ips: result.ips.map(({ ip }) => ip),
    routes: config.ipam.hasRoutes ? [...new Set([...listed, ...added])] : undefined,
    dns: result.dns,
  };
}

/** Gives the attachment's addresses back to whichever IPAM plug-in the configuration names. */
export async function releaseAddresses(call: AttachmentCall): Promise<void> {
  const type = requireIpam(call);
  if (type === ownType) return releaseOwn(call);
  const { pluginPath, variables, signal } = call;
  const document = await withPodCidrs(call);
  return delegate({ type, command: 'DEL', pluginPath, variables, document, signal });
}
