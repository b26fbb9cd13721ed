import { familyOf, type IpAddress } from '@calico-node/net';
import {
  addAddress,
  deleteAddress,
  type InterfaceIp,
  type InterfaceIpSpec,
  type RouteSocket,
} from '@calico-node/netlink';

function specOf(interfaceIndex: number, ip: IpAddress): InterfaceIpSpec {
  const isIpv4 = familyOf(ip) === 4;
  return {
    interfaceIndex,
    ip,
    prefixLength: isIpv4 ? 32 : 128,
    hasNoPrefixRoute: true,
    ...(isIpv4 ? { scope: 'link' as const } : { skipsDad: true }),
  };
}

/**
 * Whether it is one that we give, perhaps in an earlier run. The Docker plug-in gives the host's end the workload's
 * gateway, with scope `host`; link-local addresses of IPv6 are the kernel's.
 */
function isPeering({ family, ip, prefixLength, scope }: InterfaceIp): boolean {
  return family === 4 ? prefixLength === 32 && scope === 'link' : prefixLength === 128 && !ip.startsWith('fe80:');
}

/** Addresses of the node on workload interfaces, for workloads that peer with it by BGP. */
export class PeeringAddresses {
  readonly #byIndex = new Map<number, ReadonlySet<IpAddress>>();

  /** What the kernel has, listed anew. */
  list(addresses: readonly InterfaceIp[], isWorkload: (interfaceIndex: number) => boolean): void {
    this.#byIndex.clear();
    for (const address of addresses) {
      const { interfaceIndex, ip } = address;
      if (!isPeering(address) || !isWorkload(interfaceIndex)) continue;
      this.#byIndex.set(interfaceIndex, new Set([...(this.#byIndex.get(interfaceIndex) ?? []), ip]));
    }
  }

  /**
   * Gives an interface these addresses, and no others. Gives those that this changed.
   *
   * @throws NetlinkError
   */
  apply(socket: RouteSocket, interfaceIndex: number, wanted: readonly IpAddress[]): readonly IpAddress[] {
    const actual = this.#byIndex.get(interfaceIndex) ?? new Set<IpAddress>();
    const missing = wanted.filter((ip) => !actual.has(ip));
    const surplus = [...actual].filter((ip) => !wanted.includes(ip));
    if (missing.length === 0 && surplus.length === 0) return [];
    const requests = [
      ...missing.map((ip) => addAddress(specOf(interfaceIndex, ip))),
      ...surplus.map((ip) => deleteAddress(specOf(interfaceIndex, ip))),
    ];
    for (const error of socket.execute(requests)) {
      // As it should be already, by another hand.
      if (error !== undefined && error.code !== 'EEXIST' && error.code !== 'EADDRNOTAVAIL') throw error;
    }
    if (wanted.length === 0) this.#byIndex.delete(interfaceIndex);
    else this.#byIndex.set(interfaceIndex, new Set(wanted));
    return [...missing, ...surplus];
  }

  /** The interface is gone or down, which takes addresses away. */
  forget(interfaceIndex: number): void {
    this.#byIndex.delete(interfaceIndex);
  }

  /** The interface has one address no more. Whether it had it. */
  lose(interfaceIndex: number, ip: IpAddress): boolean {
    const known = this.#byIndex.get(interfaceIndex);
    if (known?.has(ip) !== true) return false;
    this.#byIndex.set(interfaceIndex, known.difference(new Set([ip])));
    return true;
  }
}
