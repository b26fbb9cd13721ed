import { compareCidr, parseCidrLoose, type Cidr } from '@calico-node/net';
import type { BGPConfiguration } from '@calico-node/model';
import type { ServiceCidrsUpdate } from './intents.ts';

/** The networks of services' addresses that this cluster announces (BGPConfiguration `default`). */
export class ServiceCidrs {
  #cidrs: readonly Cidr[] = [];
  #isChanged = false;

  get cidrs(): readonly Cidr[] {
    return this.#cidrs;
  }

  /** Throws NetParseError. */
  set(name: string, resource: BGPConfiguration | undefined): void {
    if (name !== 'default') return;
    const { serviceClusterIPs = [], serviceExternalIPs = [], serviceLoadBalancerIPs = [] } = resource?.spec ?? {};
    const blocks = [...serviceClusterIPs, ...serviceExternalIPs, ...serviceLoadBalancerIPs];
    const cidrs = [...new Set(blocks.map(({ cidr }) => parseCidrLoose(cidr ?? '')))].sort(compareCidr);
    if (cidrs.join() === this.#cidrs.join()) return;
    this.#cidrs = cidrs;
    this.#isChanged = true;
  }

  /** What changed since the last call; nothing while there never were any. */
  takeChanges(): readonly ServiceCidrsUpdate[] {
    if (!this.#isChanged) return [];
    this.#isChanged = false;
    return [{ type: 'service-cidrs-update', cidrs: this.#cidrs }];
  }
}
