import { readSysctl, writeSysctl, type NetnsRef } from '@calico-node/netlink';

export interface SettingsOptions {
  readonly netns?: NetnsRef;
  readonly ipv6: boolean;
  /** Packets of a workload may have any source address: no reverse path filter. */
  readonly allowsSpoofing: boolean;
}

/** A sysctl and the value that it is to have. */
type Setting = readonly [name: string, value: string];

/**
 * The kernel's own settings: routing between interfaces, and the strictness of the reverse path filter that new
 * interfaces get, which workload interfaces are given too.
 */
export class KernelSettings {
  readonly #options: SettingsOptions;
  readonly #rpFilter: string;
  #writes = 0;

  constructor(options: SettingsOptions) {
    this.#options = options;
    this.#rpFilter = options.allowsSpoofing ? '0' : (this.#read('net/ipv4/conf/default/rp_filter') ?? '1');
  }

  /** Sysctls written since start; those that had their value already do not count. */
  get writes(): number {
    return this.#writes;
  }

  /** Lets the host route (FelixConfiguration ipForwarding). @throws the file error when that cannot be set. */
  enableForwarding(): void {
    this.#ensure([['net/ipv4/ip_forward', '1']]);
    if (this.#options.ipv6) this.#ensure([['net/ipv6/conf/all/forwarding', '1']]);
  }

  /**
   * What a workload's interface needs: the host answers ARP for everything, so that 169.254.1.1 is a gateway, at once,
   * and forwards (Calico's per-interface sysctls).
   *
   * @throws the file error when a setting cannot be made; ENOENT when the interface is gone.
   */
  configureWorkload(name: string): void {
    this.#ensure([
      [`net/ipv4/conf/${name}/route_localnet`, '1'],
      [`net/ipv4/neigh/${name}/proxy_delay`, '0'],
      [`net/ipv4/conf/${name}/proxy_arp`, '1'],
      [`net/ipv4/conf/${name}/forwarding`, '1'],
      [`net/ipv4/conf/${name}/rp_filter`, this.#rpFilter],
    ]);
    if (!this.#options.ipv6) return;
    this.#ensure([
      [`net/ipv6/conf/${name}/accept_ra`, '0'],
      [`net/ipv6/conf/${name}/proxy_ndp`, '1'],
      [`net/ipv6/conf/${name}/forwarding`, '1'],
    ]);
  }

  #read(name: string): string | undefined {
    try {
      return readSysctl(name, this.#netns());
    } catch {
      return undefined;
    }
  }

  #ensure(settings: readonly Setting[]): void {
    for (const [name, value] of settings) {
      if (this.#read(name) === value) continue;
      writeSysctl(name, value, this.#netns());
      this.#writes += 1;
    }
  }

  #netns(): { readonly netns?: NetnsRef } {
    return this.#options.netns === undefined ? {} : { netns: this.#options.netns };
  }
}
