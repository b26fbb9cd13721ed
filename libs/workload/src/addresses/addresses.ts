import type { EndpointDraft, Log } from '@calico-node/datastore';
import { IpamError, type Ipam } from '@calico-node/ipam';
import { encodeResource } from '@calico-node/model';
import { familyOf, hostCidr, parseInterfaceAddress, type IpAddress, type NodeName } from '@calico-node/net';
import { CallStream, ipamV1, isRpcError } from '@calico-node/rpc';

/** An address with the prefix length that IPAM reports: its block's, or 32 and 128 for one that was asked for. */
export interface Address {
  readonly ip: IpAddress;
  readonly prefixLength: number;
}

export interface AddressRequest {
  readonly node: NodeName;
  readonly handleId: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** How many of each family: 0 or 1. */
  readonly ipv4: number;
  readonly ipv6: number;
  /** Names or CIDRs. */
  readonly ipv4Pools: readonly string[];
  readonly ipv6Pools: readonly string[];
  readonly namespace: string | undefined;
  /** The namespace's, where the caller knows them; otherwise its profile tells. */
  readonly namespaceLabels?: Readonly<Record<string, string>> | undefined;
}

export interface SpecificAddressRequest {
  readonly node: NodeName;
  readonly handleId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly ip: IpAddress;
}

/** Addresses, and what became of the endpoint that was to be created with them. */
export interface AssignedTogether {
  readonly addresses: readonly Address[];
  /** The revision at which it was created; undefined: it was not, and is the caller's to create. */
  readonly endpointRevision: bigint | undefined;
}

/**
 * Where workloads' addresses come from. Asking again with the same handle gives the same addresses; giving
 * back what is not held is well. What cannot be given is an `IpamError` or `RpcError`.
 */
export interface Addresses {
  assign(request: AddressRequest, signal: AbortSignal): Promise<readonly Address[]>;
  /** As `assign`; an endpoint may be created in the same step, where that can be done in one. */
  assignTogether(request: AddressRequest, draft: EndpointDraft, signal: AbortSignal): Promise<AssignedTogether>;
  assignSpecific(request: SpecificAddressRequest, signal: AbortSignal): Promise<Address>;
  release(handleId: string, signal: AbortSignal): Promise<void>;
  /** The addresses that a handle holds. */
  held(handleId: string, signal: AbortSignal): Promise<readonly Address[]>;
}

/** Addresses by the allocator in this process, straight from the store. */
export class LibraryAddresses implements Addresses {
  readonly #ipam: Ipam;

  constructor(ipam: Ipam) {
    this.#ipam = ipam;
  }

  async assign(request: AddressRequest, signal: AbortSignal): Promise<readonly Address[]> {
    const { handleId, node } = request;
    const held = await this.#ipam.ipsByHandle(handleId, signal);
    const missing = (family: 4 | 6, wanted: number): number =>
      Math.max(0, wanted - held.filter(({ ip }) => familyOf(ip) === family).length);
    const [num4, num6] = [missing(4, request.ipv4), missing(6, request.ipv6)];
    if (num4 + num6 === 0) return wantedOf(held, request);
    const { ipv4, ipv6, shortfall } = await this.#ipam.autoAssign({
      ...request,
      nodeName: node,
      num4,
      num6,
      use: 'Workload',
      maxPerHandle: 1,
      signal,
    });
    if (shortfall !== undefined) {
      // A pod gets all of its addresses or none.
      await this.#ipam.releaseIps([...ipv4, ...ipv6].map(({ ip }) => ({ ip, handleId })));
      throw shortfall;
    }
    return wantedOf([...held, ...ipv4, ...ipv6], request);
  }

  async assignTogether(request: AddressRequest, _: EndpointDraft, signal: AbortSignal): Promise<AssignedTogether> {
    return { addresses: await this.assign(request, signal), endpointRevision: undefined };
  }

  async assignSpecific(request: SpecificAddressRequest, signal: AbortSignal): Promise<Address> {
    const { ip, handleId, node, attributes } = request;
    const address: Address = { ip, prefixLength: familyOf(ip) === 4 ? 32 : 128 };
    try {
      await this.#ipam.assignIp({ ip, handleId, nodeName: node, attributes, use: 'Workload', signal });
    } catch (error) {
      const isTaken = error instanceof IpamError && error.code === 'already-assigned';
      const isOwn = isTaken && (await this.#ipam.ipsByHandle(handleId, signal)).some((held) => held.ip === ip);
      if (!isOwn) throw error;
    }
    return address;
  }

  async release(handleId: string, signal: AbortSignal): Promise<void> {
    await this.#ipam.releaseByHandle(handleId, signal);
  }

  held(handleId: string, signal: AbortSignal): Promise<readonly Address[]> {
    return this.#ipam.ipsByHandle(handleId, signal);
  }
}

function wantedOf(addresses: readonly Address[], request: AddressRequest): readonly Address[] {
  return ([4, 6] as const).flatMap((family) =>
    addresses.filter(({ ip }) => familyOf(ip) === family).slice(0, family === 4 ? request.ipv4 : request.ipv6),
  );
}

const serviceTimeoutMs = 30_000;
const methods = ipamV1.IpamServiceService;

/** Addresses from the node's IPAM service; straight from the store while nobody serves it. */
export class ServiceAddresses implements Addresses {
  readonly #service: CallStream;
  readonly #fallback: Addresses;
  readonly #log: Pick<Log, 'warn'>;

  constructor(socket: string, fallback: Addresses, log: Pick<Log, 'warn'>) {
    this.#service = new CallStream(socket);
    this.#fallback = fallback;
    this.#log = log;
  }

  async assign(request: AddressRequest, signal: AbortSignal): Promise<readonly Address[]> {
    return (await this.#autoAssign(request, undefined, signal)).addresses;
  }

  assignTogether(request: AddressRequest, draft: EndpointDraft, signal: AbortSignal): Promise<AssignedTogether> {
    return this.#autoAssign(request, draft, signal);
  }

  #autoAssign(
    request: AddressRequest,
    draft: EndpointDraft | undefined,
    signal: AbortSignal,
  ): Promise<AssignedTogether> {
    const { node, ipv4, ipv6, handleId, attributes, ipv4Pools, ipv6Pools, namespace = '' } = request;
    const { namespaceLabels = {} } = request;
    const message: ipamV1.AutoAssignRequest = {
      nodeName: node,
      num4: ipv4,
      num6: ipv6,
      handleId,
      attributes: { ...attributes },
      ipv4Pools: [...ipv4Pools],
      ipv6Pools: [...ipv6Pools],
      use: ipamV1.IntendedUse.WORKLOAD,
      maxBlocksPerHost: 0,
      namespace,
      namespaceLabels: { ...namespaceLabels },
      endpoint: draft && { resource: encodeResource(draft.endpoint), premises: [...draft.premises] },
    };
    return this.#orFallback<AssignedTogether>(
      async () => {
        const answer = await this.#service.call(methods.autoAssign, message, { timeoutMs: serviceTimeoutMs, signal });
        return {
          addresses: [...answer.ipv4, ...answer.ipv6].map(toAddress),
          endpointRevision: answer.endpointRevision === 0n ? undefined : answer.endpointRevision,
        };
      },
      async () => ({ addresses: await this.#fallback.assign(request, signal), endpointRevision: undefined }),
    );
  }

  assignSpecific(request: SpecificAddressRequest, signal: AbortSignal): Promise<Address> {
    const { node, ip, handleId, attributes } = request;
    const message = ipamV1.AssignIpRequest.fromPartial({
      nodeName: node,
      ip,
      handleId,
      attributes: { ...attributes },
      use: ipamV1.IntendedUse.WORKLOAD,
    });
    return this.#orFallback(
      async () => {
        const answer = await this.#service.call(methods.assignIp, message, { timeoutMs: serviceTimeoutMs, signal });
        return toAddress(answer.ip.includes('/') ? answer.ip : hostCidr(ip));
      },
      () => this.#fallback.assignSpecific(request, signal),
    );
  }

  release(handleId: string, signal: AbortSignal): Promise<void> {
    return this.#orFallback(
      async () => {
        await this.#service.call(methods.releaseByHandle, { handleId }, { timeoutMs: serviceTimeoutMs, signal });
      },
      () => this.#fallback.release(handleId, signal),
    );
  }

  held(handleId: string, signal: AbortSignal): Promise<readonly Address[]> {
    return this.#fallback.held(handleId, signal);
  }

  close(): void {
    this.#service.close();
  }

  async #orFallback<T>(ask: () => Promise<T>, fallback: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!isRpcError(error, 'UNAVAILABLE')) throw error;
      this.#log.warn({ err: error }, 'the IPAM service does not answer; going to the store directly');
      return fallback();
    }
  }
}

function toAddress(text: string): Address {
  const { ip, prefixLength } = parseInterfaceAddress(text);
  return { ip, prefixLength };
}
