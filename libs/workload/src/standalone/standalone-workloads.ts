/*
 * Workloads that no orchestrator describes, attached by hand: any network namespace, or a machine's tap device. As
 * with a plug-in, each step may be repeated, and what a failed first attach made is undone.
 */
import type { WorkloadEndpoint } from '@calico-node/model';
import type { IpAddress } from '@calico-node/net';
import type { Addresses } from '../addresses/addresses.ts';
import { waitForFelix } from '../felix/wait-for-endpoint.ts';
import type { EndpointStore } from '../store/endpoint-store.ts';
import { attachInterface } from '../wire/attach.ts';
import { detachInterface } from '../wire/detach.ts';
import { hasHostInterface } from '../wire/inspect.ts';
import { StandaloneError } from './standalone-error.ts';
import { attachedTo, standaloneEndpoint, targetText, type Target } from './endpoint.ts';
import { standaloneEndpointName, standaloneFelixId, standaloneHandle, standaloneHostName } from './identity.ts';
import type { StandaloneId } from './identity.ts';
import { attachTap, detachTap } from './tap.ts';

/** Which addresses a workload is to have. */
export type AddressWish =
  | { readonly type: 'these'; readonly ips: readonly IpAddress[] }
  | {
      readonly type: 'any';
      /** How many of each family: 0 or 1. */
      readonly ipv4: number;
      readonly ipv6: number;
      /** Names or networks; any that serve the node when empty. */
      readonly ipv4Pools: readonly string[];
      readonly ipv6Pools: readonly string[];
    };

export interface StandaloneRequest {
  readonly id: StandaloneId;
  readonly target: Target;
  readonly addresses: AddressWish;
  /** Noted with each address in IPAM. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly mtu: number;
  /** What the names of interfaces that Felix looks after start with. */
  readonly prefixes: readonly string[];
  /** How to wait for the endpoint's policy; undefined: not at all. */
  readonly felix: { readonly socket: string; readonly timeoutMs: number } | undefined;
}

export interface StandaloneAttached {
  readonly ips: readonly IpAddress[];
  readonly endpoint: WorkloadEndpoint;
}

/** How long giving up may take after an attach failed. */
const undoLimitMs = 20_000;

export class StandaloneWorkloads {
  readonly #endpoints: EndpointStore;
  readonly #addresses: Addresses;

  constructor(endpoints: EndpointStore, addresses: Addresses) {
    this.#endpoints = endpoints;
    this.#addresses = addresses;
  }

  /**
   * Attaches a workload: addresses, interface, endpoint, and the wait for its policy. Asked again for the same it
   * completes what is there.
   *
   * @throws StandaloneError, WireError, IpamError, RpcError, DatastoreError, FelixTimeout
   */
  async attach(request: StandaloneRequest, signal: AbortSignal): Promise<StandaloneAttached> {
    const { id, target } = request;
    const stored = await this.#endpoints.find(id.namespace, standaloneEndpointName(id), { signal });
    const before = stored === undefined ? '' : attachedTo(stored);
    const isElsewhere = before !== '' && before !== targetText(target);
    if (stored !== undefined && isElsewhere && hasHostInterface(stored.spec.interfaceName ?? '')) {
      throw new StandaloneError(
        'attached-elsewhere',
        `${id.namespace}/${id.name} is attached to ${before}: delete it first`,
      );
    }
    try {
      return await this.#build(request, stored, signal);
    } catch (error) {
      if (stored === undefined) await this.#undo(request);
      throw error;
    }
  }

  /** Its own failure is kept quiet: the attach's is the reason, and a detach may follow. */
  async #undo({ id, target, prefixes }: StandaloneRequest): Promise<void> {
    try {
      await this.detach(id, prefixes, AbortSignal.timeout(undoLimitMs));
      if (target.type === 'tap') detachTap(target.device);
    } catch {
      // What is left is completed by another attach, or taken away by a detach.
    }
  }

  async #build(
    request: StandaloneRequest,
    stored: WorkloadEndpoint | undefined,
    signal: AbortSignal,
  ): Promise<StandaloneAttached> {
    const { id, target, profiles, labels, prefixes, mtu, felix } = request;
    const ips = await this.#assign(request, signal);
    const hostName = target.type === 'tap' ? target.device : standaloneHostName(id, prefixes[0] ?? 'cali');
    const attach = async () => {
      if (target.type === 'tap') {
        attachTap(target.device, ips);
        return target.mac;
      }
      const spec = { netns: target.path, hostName, workloadName: id.endpoint, mtu, addresses: ips, prefixes };
      return (await attachInterface(spec)).mac;
    };
    const facts = { id, target, hostName, mac: await attach(), addresses: ips, profiles, labels };
    const endpoint = standaloneEndpoint(facts, stored);
    const minRevision = await this.#endpoints.save(endpoint, stored, { signal });
    if (felix !== undefined) await waitForFelix({ ...felix, id: standaloneFelixId(id), minRevision, signal });
    return { ips, endpoint };
  }

  async #assign({ id, addresses: wish, attributes }: StandaloneRequest, signal: AbortSignal): Promise<IpAddress[]> {
    const common = { node: id.node, handleId: standaloneHandle(id), attributes };
    if (wish.type === 'any') {
      const given = await this.#addresses.assign({ ...common, ...wish, namespace: id.namespace }, signal);
      return given.map(({ ip }) => ip);
    }
    const ips: IpAddress[] = [];
    for (const ip of wish.ips) ips.push((await this.#addresses.assignSpecific({ ...common, ip }, signal)).ip);
    return ips;
  }

  /**
   * Takes a workload away: the endpoint first, so that Felix closes the way, then the interface, the addresses last,
   * so that nobody gets one that is still in use. What is gone already is well.
   *
   * @returns whether there was anything of it.
   */
  async detach(id: StandaloneId, prefixes: readonly string[], signal: AbortSignal): Promise<boolean> {
    const name = standaloneEndpointName(id);
    const stored = await this.#endpoints.remove(id.namespace, name, () => true, { signal });
    const hostName = stored?.spec.interfaceName ?? standaloneHostName(id, prefixes[0] ?? 'cali');
    await detachInterface({ netns: undefined, hostName, workloadName: id.endpoint, prefixes });
    detachTap(hostName);
    const held = await this.#addresses.held(standaloneHandle(id), signal);
    if (held.length > 0) await this.#addresses.release(standaloneHandle(id), signal);
    return stored !== undefined || held.length > 0;
  }
}
