import { existsSync } from 'node:fs';
import type { Ipam } from '@calico-node/ipam';
import { parseInterfaceAddress, type Family, type IpAddress, type NodeName } from '@calico-node/net';
import { callUnary, connectUnix, ipamV1, isRpcError } from '@calico-node/rpc';

/**
 * Where containers' addresses come from. As Calico's plug-in does it, they have neither handle nor attributes: when
 * Docker asks for an address there is no container yet.
 */
export interface Addresses {
  /** One address, from the pool of that name or from any. @throws IpamError, RpcError, DatastoreError */
  assign(family: Family, pool: string | undefined, signal: AbortSignal): Promise<IpAddress>;
  assignSpecific(ip: IpAddress, signal: AbortSignal): Promise<void>;
  /** One that is not held is well. */
  release(ip: IpAddress, signal: AbortSignal): Promise<void>;
}

/** Addresses by the allocator in this process, straight from the store. */
export class LibraryAddresses implements Addresses {
  readonly #ipam: Ipam;
  readonly #node: NodeName;

  constructor(ipam: Ipam, node: NodeName) {
    this.#ipam = ipam;
    this.#node = node;
  }

  async assign(family: Family, pool: string | undefined, signal: AbortSignal): Promise<IpAddress> {
    const pools = pool === undefined ? [] : [pool];
    const request = family === 4 ? { num4: 1, ipv4Pools: pools } : { num6: 1, ipv6Pools: pools };
    const { ipv4, ipv6, shortfall } = await this.#ipam.autoAssign({
      ...request,
      nodeName: this.#node,
      use: 'Workload',
      signal,
    });
    const [given] = [...ipv4, ...ipv6];
    if (given === undefined) throw shortfall ?? new Error(`no IPv${family} address was given`);
    return given.ip;
  }

  async assignSpecific(ip: IpAddress, signal: AbortSignal): Promise<void> {
    await this.#ipam.assignIp({ ip, nodeName: this.#node, use: 'Workload', signal });
  }

  async release(ip: IpAddress, signal: AbortSignal): Promise<void> {
    await this.#ipam.releaseIps([{ ip }], signal);
  }
}

const serviceTimeoutMs = 10_000;

/** Addresses from the node's IPAM service while its socket is there, otherwise from the store. */
export class ServiceAddresses implements Addresses, Disposable {
  readonly #socket: string;
  readonly #node: NodeName;
  readonly #library: Addresses;
  readonly #client: ipamV1.IpamServiceClient;

  constructor(socket: string, node: NodeName, library: Addresses) {
    this.#socket = socket;
    this.#node = node;
    this.#library = library;
    this.#client = connectUnix(ipamV1.IpamServiceClient, socket);
  }

  async assign(family: Family, pool: string | undefined, signal: AbortSignal): Promise<IpAddress> {
    if (!existsSync(this.#socket)) return this.#library.assign(family, pool, signal);
    const pools = pool === undefined ? [] : [pool];
    const request = ipamV1.AutoAssignRequest.fromPartial({
      nodeName: this.#node,
      use: ipamV1.IntendedUse.WORKLOAD,
      ...(family === 4 ? { num4: 1, ipv4Pools: pools } : { num6: 1, ipv6Pools: pools }),
    });
    // A service that is being restarted is waited for. A call that it broke off is not made again: without a handle
    // nobody could tell whether it had given an address.
    const options = { timeoutMs: serviceTimeoutMs, waitForReady: true, signal };
    const { ipv4, ipv6 } = await callUnary(this.#client.autoAssign.bind(this.#client), request, options);
    const [given] = [...ipv4, ...ipv6];
    if (given === undefined) throw new Error(`no IPv${family} address was given`);
    return parseInterfaceAddress(given).ip;
  }

  async assignSpecific(ip: IpAddress, signal: AbortSignal): Promise<void> {
    if (!existsSync(this.#socket)) return this.#library.assignSpecific(ip, signal);
    const use = ipamV1.IntendedUse.WORKLOAD;
    const request = ipamV1.AssignIpRequest.fromPartial({ nodeName: this.#node, ip, use });
    const options = { timeoutMs: serviceTimeoutMs, waitForReady: true, signal };
    await callUnary(this.#client.assignIp.bind(this.#client), request, options);
  }

  async release(ip: IpAddress, signal: AbortSignal): Promise<void> {
    if (existsSync(this.#socket)) {
      try {
        const request = ipamV1.ReleaseIpsRequest.fromPartial({ ips: [{ ip }] });
        await callUnary(this.#client.releaseIps.bind(this.#client), request, { timeoutMs: serviceTimeoutMs, signal });
        return;
      } catch (error) {
        if (!isRpcError(error, 'UNAVAILABLE')) throw error;
      }
    }
    await this.#library.release(ip, signal);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
