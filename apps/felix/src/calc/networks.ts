import {
  hostCidr,
  parseCidrLoose,
  parseInterfaceAddress,
  parseIp,
  parseNodeName,
  tryParseIp,
  familyOf,
  type Cidr,
} from '@calico-node/net';
import type { IPPool, Node } from '@calico-node/model';
import { Announcer } from './announcer.ts';
import type { HostRemove, HostUpdate, PoolRemove, PoolUpdate } from './intents.ts';
import { allHostsSet, masqueradePoolsSet, networkPoolsSet, vxlanHostsSet, type IpSetId } from './ip-set.ts';
import type { IpSetIndex } from './ip-set-index.ts';
import { tunnelsOf } from './routes/vteps.ts';
import { wireguardOf } from './routes/wireguard-ends.ts';

/** What an object adds to the sets that calc fills by itself. */
type Shares = readonly (readonly [IpSetId, readonly Cidr[]])[];

interface Entry<Update> {
  readonly update: Update;
  readonly shares: Shares;
}

/** Pools or hosts: passed on to the dataplane, and members of the fixed sets. */
export class Networks<Update extends HostUpdate | PoolUpdate, Removal extends HostRemove | PoolRemove> {
  readonly #entries = new Map<string, Entry<Update>>();
  readonly #changed = new Announcer<string>();
  readonly #ipSets: IpSetIndex;
  readonly #removalOf: (name: string) => Removal;

  constructor(ipSets: IpSetIndex, removalOf: (name: string) => Removal) {
    this.#ipSets = ipSets;
    this.#removalOf = removalOf;
  }

  set(name: string, entry: Entry<Update>): void {
    this.#share(entry.shares, 'add');
    this.#share(this.#entries.get(name)?.shares ?? [], 'remove');
    this.#entries.set(name, entry);
    this.#changed.touch(name);
  }

  delete(name: string): void {
    this.#share(this.#entries.get(name)?.shares ?? [], 'remove');
    if (this.#entries.delete(name)) this.#changed.touch(name);
  }

  get count(): number {
    return this.#entries.size;
  }

  /** All that there are now. */
  *updates(): Generator<Update> {
    for (const { update } of this.#entries.values()) yield update;
  }

  /** What changed since the last call. */
  takeChanges(): { readonly updates: readonly Update[]; readonly removals: readonly Removal[] } {
    return this.#changed.take<Update, Removal>((name) => this.#entries.get(name)?.update ?? 'gone', this.#removalOf);
  }

  #share(shares: Shares, operation: 'add' | 'remove'): void {
    for (const [set, cidrs] of shares) {
      if (operation === 'add') this.#ipSets.changeFixed(set, cidrs, []);
      else this.#ipSets.changeFixed(set, [], cidrs);
    }
  }
}

/** Throws NetParseError. */
export function convertPool({ spec }: IPPool, name: string): Entry<PoolUpdate> {
  const cidr = parseCidrLoose(spec.cidr);
  const natOutgoing = spec.natOutgoing ?? false;
  const isForWorkloads = !(spec.allowedUses ?? []).includes('LoadBalancer');
  return {
    update: {
      type: 'pool-update',
      name,
      cidr,
      ipipMode: spec.ipipMode ?? 'Never',
      vxlanMode: spec.vxlanMode ?? 'Never',
      natOutgoing,
    },
    shares: [
      ...(isForWorkloads ? [[networkPoolsSet, [cidr]] as const] : []),
      ...(natOutgoing ? [[masqueradePoolsSet, [cidr]] as const] : []),
    ],
  };
}

/**
 * A node's addresses: those that BGP uses, else the first internal one that its kubelet reported, or what else was
 * reported, external ones last. Throws NetParseError.
 */
export function convertNode({ spec, status }: Node, name: string): Entry<HostUpdate> {
  const v4 = spec.bgp?.ipv4Address ? parseAddress(spec.bgp.ipv4Address) : reportedAddress(spec, 4);
  const v6 = spec.bgp?.ipv6Address ? parseAddress(spec.bgp.ipv6Address) : reportedAddress(spec, 6);
  const addresses = [v4, v6].flatMap((address) => (address === undefined ? [] : [hostCidr(address.ip)]));
  const hostname = parseNodeName(name);
  const tunnels = tunnelsOf(spec, hostname);
  const underlay = [
    ...(tunnels.vxlan4 === undefined || v4 === undefined ? [] : [hostCidr(v4.ip)]),
    ...(tunnels.vxlan6 === undefined || v6 === undefined ? [] : [hostCidr(v6.ip)]),
  ];
  return {
    update: {
      type: 'host-update',
      hostname,
      ...(v4 === undefined ? {} : { ipv4: v4.ip, ipv4Subnet: v4.cidr }),
      ...(v6 === undefined ? {} : { ipv6: v6.ip, ipv6Subnet: v6.cidr }),
      ...tunnels,
      ...wireguardOf(spec, status),
    },
    shares: [
      [allHostsSet, addresses],
      [vxlanHostsSet, underlay],
    ],
  };
}

function parseAddress(text: string) {
  if (text.includes('/')) return parseInterfaceAddress(text);
  const ip = parseIp(text);
  return { ip, cidr: hostCidr(ip) };
}

/** In the order that their types are taken in; those without a type are between the two. */
const typeRanks: Readonly<Record<string, number>> = { InternalIP: 0, ExternalIP: 2 };

function reportedAddress({ addresses = [] }: Node['spec'], family: 4 | 6) {
  const rankOf = (type: string | undefined): number => typeRanks[type ?? ''] ?? 1;
  const usable = addresses.filter(({ address }) => {
    const ip = tryParseIp(address.split('/', 1)[0] ?? '');
    return ip !== undefined && familyOf(ip) === family;
  });
  const [first] = usable.sort((a, b) => rankOf(a.type) - rankOf(b.type));
  return first && parseAddress(first.address);
}
