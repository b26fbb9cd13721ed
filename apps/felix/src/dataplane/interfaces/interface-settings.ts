import { readSysctl, writeSysctl, type InterfaceSettings, type NetnsRef } from '@calico-node/netlink';

export interface SettingsOptions {
  readonly netns?: NetnsRef;
  readonly ipv6: boolean;
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
  #isForwarding = false;
  #writes = 0;

  constructor(options: SettingsOptions) {
    this.#options = options;
    this.#rpFilter = this.#read('net/ipv4/conf/default/rp_filter') ?? '1';
  }

  /** Sysctls written since start; those that had their value already do not count. */
  get writes(): number {
    return this.#writes;
  }

  /** Whether the host was made to route. */
  get isForwarding(): boolean {
    return this.#isForwarding;
  }

  /** Lets the host route (FelixConfiguration ipForwarding). @throws the file error when that cannot be set. */
  enableForwarding(): void {
    this.#isForwarding = true;
    this.keepForwarding();
  }

  /** As `enableForwarding`, where that was called. Gives what it changed. */
  keepForwarding(): readonly string[] {
    if (!this.#isForwarding) return [];
    const settings: readonly Setting[] = [['net/ipv4/ip_forward', '1']];
    return this.#ensure(this.#options.ipv6 ? [...settings, ['net/ipv6/conf/all/forwarding', '1']] : settings);
  }

  /**
   * What a workload's interface needs: the host answers ARP for everything, so that 169.254.1.1 is a gateway, at once,
   * and forwards (Calico's per-interface sysctls). Gives what it changed.
   *
   * @param allowsSpoofing packets may come from elsewhere: no reverse path filter.
   * @throws the file error when a setting cannot be made; ENOENT when the interface is gone.
   */
  configureWorkload(name: string, allowsSpoofing: boolean): readonly string[] {
    const settings: readonly Setting[] = [
      [`net/ipv4/conf/${name}/route_localnet`, '1'],
      [`net/ipv4/neigh/${name}/proxy_delay`, '0'],
      [`net/ipv4/conf/${name}/proxy_arp`, '1'],
      [`net/ipv4/conf/${name}/forwarding`, '1'],
      [`net/ipv4/conf/${name}/rp_filter`, this.#rpFilterOf(allowsSpoofing)],
    ];
    const acceptRa = `net/ipv6/conf/${name}/accept_ra`;
    const ofIpv6: readonly Setting[] = [
      [acceptRa, '0'],
      [`net/ipv6/conf/${name}/proxy_ndp`, '1'],
      [`net/ipv6/conf/${name}/forwarding`, '1'],
    ];
    if (this.#options.ipv6) return this.#ensure([...settings, ...ofIpv6]);
    // Where Felix leaves IPv6 alone, a workload still does not tell the host its way.
    return this.#ensure(this.#read(acceptRa) === undefined ? settings : [...settings, [acceptRa, '0']]);
  }

  /** Whether what the kernel tells of a workload's interface is as `configureWorkload` leaves it. */
  isConfigured({ forwarding = 1, proxyNeighbours = 1, rpFilter }: InterfaceSettings, allowsSpoofing: boolean): boolean {
    const isFiltered = rpFilter === undefined || String(rpFilter) === this.#rpFilterOf(allowsSpoofing);
    return forwarding === 1 && proxyNeighbours === 1 && isFiltered;
  }

  #rpFilterOf(allowsSpoofing: boolean): string {
    return allowsSpoofing ? '0' : this.#rpFilter;
  }

  #read(name: string): string | undefined {
    try {
      return readSysctl(name, this.#netns());
    } catch {
      return undefined;
    }
  }

  /** Gives the names of those that had another value. */
  #ensure(settings: readonly Setting[]): readonly string[] {
    const others = settings.filter(([name, value]) => this.#read(name) !== value);
    for (const [name, value] of others) {
      writeSysctl(name, value, this.#netns());
      this.#writes += 1;
    }
    return others.map(([name]) => name);
  }

  #netns(): { readonly netns?: NetnsRef } {
    return this.#options.netns === undefined ? {} : { netns: this.#options.netns };
  }
}
