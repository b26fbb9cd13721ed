import type { EntityRule, Resource } from '@calico-node/model';
import { addToIp, lastIp, parseCidrLoose, parseIp, splitCidr, type Cidr, type IpAddress } from '@calico-node/net';
import { outside } from '../flow-decision.ts';
import { NetIndex } from '../net-index.ts';
import type { Party } from './party.ts';
import { rulesOf } from './rules.ts';

/** Addresses for documentation, of which a cluster has none (RFC 5737, RFC 3849). */
const elsewhere = [
  ['192.0.2.1', '198.51.100.1', '203.0.113.1'],
  ['2001:db8::1', '2001:db8:ffff::1'],
] as const;

/**
 * The networks that rules and network sets name, and everywhere else: those without an endpoint. Each stands for its
 * addresses that are in no smaller one and belong to nobody; a network without such an address is left out.
 */
export function networkParties(resources: readonly Resource[], isTaken: (ip: IpAddress) => boolean): readonly Party[] {
  const names = namedNetworks(resources);
  const index = new NetIndex<Cidr>();
  for (const cidr of names.keys()) index.add(cidr, cidr);
  const isIn = (ip: IpAddress, cidr: Cidr | undefined): boolean => !isTaken(ip) && smallest(index.at(ip)) === cidr;
  const parties = [...names].flatMap(([cidr, name]): Party[] => {
    const free = candidatesOf(cidr).find((ip) => isIn(ip, cidr));
    return free === undefined ? [] : [networkParty(name, [free])];
  });
  const free = elsewhere.flatMap((texts) => {
    const found = texts.map((text) => parseIp(text)).find((ip) => isIn(ip, undefined));
    return found === undefined ? [] : [found];
  });
  return free.length === 0 ? parties : [...parties, networkParty('anywhere else', free)];
}

function networkParty(name: string, ips: readonly IpAddress[]): Party {
  const addresses = Object.fromEntries(ips.map((ip) => [ip.includes(':') ? 6 : 4, ip]));
  return { name, addresses, ports: [], end: outside, likeness: '' };
}

/** With the network sets that they are of. */
function namedNetworks(resources: readonly Resource[]): ReadonlyMap<Cidr, string> {
  const names = new Map<Cidr, string>();
  for (const resource of resources) {
    const { kind, metadata } = resource;
    if (kind === 'NetworkSet' || kind === 'GlobalNetworkSet') {
      const { namespace } = metadata;
      const set = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${metadata.name}`;
      for (const net of resource.spec.nets ?? []) {
        const cidr = parseCidrLoose(net);
        names.set(cidr, `${cidr} (${set})`);
      }
    }
    for (const { source, destination } of rulesOf(resource)) {
      for (const cidr of [...netsOf(source), ...netsOf(destination)]) if (!names.has(cidr)) names.set(cidr, cidr);
    }
  }
  return names;
}

function netsOf({ nets = [], notNets = [] }: EntityRule = {}): readonly Cidr[] {
  return [...nets, ...notNets].map((net) => parseCidrLoose(net));
}

/** Its ends, and what is just inside of them. */
function candidatesOf(cidr: Cidr): readonly IpAddress[] {
  const { ip: first } = splitCidr(cidr);
  const last = lastIp(cidr);
  if (first === last) return [first];
  return [addToIp(first, 1), first, last, addToIp(last, -1)];
}

function smallest(cidrs: readonly Cidr[]): Cidr | undefined {
  let found: Cidr | undefined;
  for (const cidr of cidrs) {
    if (found === undefined || splitCidr(cidr).prefixLength > splitCidr(found).prefixLength) found = cidr;
  }
  return found;
}
