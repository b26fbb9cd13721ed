import type { WorkloadEndpoint } from '@calico-node/model';
import { tryParseCidr, splitCidr, type IpAddress, type NodeName } from '@calico-node/net';
import { sleep, type Logger } from '@calico-node/service';
import { hasHostInterface, type EndpointStore } from '@calico-node/workload';
import type { Addresses } from '../ipam/addresses.ts';
import { libnetwork } from './endpoint.ts';

/** Notes the sandbox that an endpoint has joined; absent before Join and after Leave. */
export const sandboxAnnotation = 'libnetwork.projectcalico.org/sandbox';

/** The addresses of an endpoint. */
export function addressesOf({ spec }: WorkloadEndpoint): readonly IpAddress[] {
  return (spec.ipNetworks ?? []).flatMap((network) => {
    const cidr = tryParseCidr(network);
    return cidr === undefined ? [] : [splitCidr(cidr).ip];
  });
}

/** Whether the host has an endpoint's interface. */
export function isWired({ spec }: WorkloadEndpoint): boolean {
  return spec.interfaceName !== undefined && hasHostInterface(spec.interfaceName);
}

export interface GarbageOptions {
  readonly node: NodeName;
  readonly endpoints: EndpointStore;
  readonly addresses: Addresses;
  readonly log: Logger;
  /** How long an endpoint may be without an interface, in milliseconds. */
  readonly graceMs: number;
}

/**
 * Takes away what Docker forgets. A daemon that was killed, or a machine that lost power, calls for neither Leave nor
 * DeleteEndpoint nor ReleaseAddress when it is back: it makes new endpoints. What the kernel no longer has an interface
 * for is not attached; its endpoint and its addresses go.
 */
export class EndpointGarbage {
  readonly #options: GarbageOptions;
  /** Endpoints that had no interface when last looked at, with the revision that they had then. */
  #suspects = new Map<string, string | undefined>();

  constructor(options: GarbageOptions) {
    this.#options = options;
  }

  /** Looks again and again until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { graceMs, log } = this.#options;
    while (!signal.aborted) {
      await this.#look(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'could not look for forgotten endpoints');
      });
      await sleep(graceMs, signal);
    }
  }

  /** The endpoint of this node that has an address. */
  async holderOf(ip: IpAddress, signal: AbortSignal): Promise<WorkloadEndpoint | undefined> {
    return (await this.#own(signal)).find((endpoint) => addressesOf(endpoint).includes(ip));
  }

  /** Takes an address from an endpoint that had joined a container and has lost its interface. Gives whether it did. */
  async reclaim(ip: IpAddress, signal: AbortSignal): Promise<boolean> {
    const holder = await this.holderOf(ip, signal);
    if (holder?.metadata.annotations?.[sandboxAnnotation] === undefined || isWired(holder)) return false;
    return this.#remove(holder, signal);
  }

  async #own(signal: AbortSignal): Promise<readonly WorkloadEndpoint[]> {
    const all = await this.#options.endpoints.ofNode(this.#options.node, { signal });
    return all.filter(({ spec }) => spec.orchestrator === libnetwork);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const before = this.#suspects;
    this.#suspects = new Map();
    for (const endpoint of await this.#own(signal)) {
      const { name, resourceVersion } = endpoint.metadata;
      if (isWired(endpoint)) continue;
      const isOld = before.has(name) && before.get(name) === resourceVersion;
      if (!isOld || !(await this.#remove(endpoint, signal))) this.#suspects.set(name, resourceVersion);
    }
  }

  async #remove(endpoint: WorkloadEndpoint, signal: AbortSignal): Promise<boolean> {
    const { endpoints, addresses, log } = this.#options;
    const { name, resourceVersion } = endpoint.metadata;
    const isSame = (stored: WorkloadEndpoint): boolean => stored.metadata.resourceVersion === resourceVersion;
    const removed = await endpoints.remove(libnetwork, name, isSame, { signal });
    if (removed === undefined || !isSame(removed)) return false;
    for (const ip of addressesOf(endpoint)) await addresses.release(ip, signal);
    log.warn({ endpointId: endpoint.spec.endpoint, addresses: addressesOf(endpoint) }, 'removed a forgotten endpoint');
    return true;
  }
}
