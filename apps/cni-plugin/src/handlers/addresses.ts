import { familyOf, parseIp, type Cidr, type IpAddress } from '@calico-node/net';
import { goTimeString, type Address } from '@calico-node/workload';
import { ipamHandle, legacyHandle } from '../endpoint/workload.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { AttachmentCall } from './call.ts';
import { delegate, delegateAdd } from './ipam-delegate.ts';

/** The type of our own IPAM plug-in: its work is done here, without an exec. */
const ownType = 'calico-ipam';

/** Whether an IPAM type is another plug-in's. */
export function isDelegated(type: string): boolean {
  return type !== '' && type !== ownType;
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

/**
 * Gives the attachment its addresses from Calico's IPAM; the same ones when asked again.
 *
 * @throws CniError, IpamError, RpcError
 */
export async function assignOwn(call: AttachmentCall): Promise<readonly Address[]> {
  const { config, node, workload, store, signal } = call;
  const handleId = handleOf(call);
  const attributes = attributesOf(call);
  const ip = requestedIp(call);
  if (ip !== undefined) return [await store.addresses.assignSpecific({ node, handleId, attributes, ip }, signal)];
  const { assignIpv4, assignIpv6, ipv4Pools, ipv6Pools } = config.ipam;
  if (!assignIpv4 && !assignIpv6) {
    throw new CniError(cniCodes.invalidConfig, 'ipam: assign_ipv4 and assign_ipv6 are both false: no address to give');
  }
  const addresses = await store.addresses.assign(
    {
      node,
      handleId,
      attributes,
      ipv4: assignIpv4 ? 1 : 0,
      ipv6: assignIpv6 ? 1 : 0,
      ipv4Pools,
      ipv6Pools,
      namespace: workload.orchestrator === 'k8s' ? workload.namespace : undefined,
    },
    signal,
  );
  for (const [family, isWanted] of [[4, assignIpv4] as const, [6, assignIpv6] as const]) {
    if (isWanted && !addresses.some((address) => familyOf(address.ip) === family)) {
      throw new CniError(cniCodes.failed, `no IPv${family} address was given: the pools have none left`);
    }
  }
  return addresses;
}

/** Gives back everything that the attachment holds in Calico's IPAM; holding nothing is well. */
export async function releaseOwn(call: AttachmentCall): Promise<void> {
  const { store, workload, signal } = call;
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
}

function requireIpam({ config }: AttachmentCall): string {
  if (config.ipam.type !== '') return config.ipam.type;
  throw new CniError(cniCodes.invalidConfig, 'invalid network configuration: ipam.type: missing');
}

/** Gives the attachment its addresses, from whichever IPAM plug-in the configuration names. */
export async function assignAddresses(call: AttachmentCall): Promise<GivenAddresses> {
  const type = requireIpam(call);
  if (type === ownType) {
    const addresses = await assignOwn(call);
    return { ips: addresses.map(({ ip }) => ip), routes: undefined, dns: {} };
  }
  const { config, pluginPath, variables, signal } = call;
  const result = await delegateAdd({ type, pluginPath, variables, document: config.document, signal });
  if (result.ips.length === 0) throw new CniError(cniCodes.failed, `${type} gave no address`);
  const keepsOwnRoutes = config.ipam.hasRoutes && !config.includeDefaultRoutes;
  return {
    ips: result.ips.map(({ ip }) => ip),
    routes: keepsOwnRoutes ? result.routes.map(({ destination }) => destination) : undefined,
    dns: result.dns,
  };
}

/** Gives the attachment's addresses back to whichever IPAM plug-in the configuration names. */
export async function releaseAddresses(call: AttachmentCall): Promise<void> {
  const type = requireIpam(call);
  if (type === ownType) return releaseOwn(call);
  const { config, pluginPath, variables, signal } = call;
  return delegate({ type, command: 'DEL', pluginPath, variables, document: config.document, signal });
}
