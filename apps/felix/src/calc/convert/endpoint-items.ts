import { compareCidr, familyOf, hostCidr, parseCidrLoose, splitCidr, type Cidr } from '@calico-node/net';
import { NAMESPACE_LABEL, outlineWorkloadEndpoint, type WorkloadEndpoint } from '@calico-node/model';
import type { LabelledItem } from '../ip-set-index.ts';
import { LabelInterner } from './label-interner.ts';
import { convertPorts } from './ports.ts';
import { serviceAccountLabel } from './selectors.ts';

/** What many endpoints have in common. */
type Likeness = Omit<LabelledItem, 'nets'>;

/**
 * Workload endpoints, of any host, as members of IP sets. An endpoint without addresses, which Calico's syncer does not
 * pass on, is none: it is not ready yet.
 */
export class EndpointItems {
  readonly #interner = new LabelInterner();
  /** By namespace and the text of what they have in common; at most `capacity`, then it starts anew. */
  readonly #likenesses = new Map<string, Likeness>();
  readonly #capacity: number;

  constructor(capacity = 50_000) {
    this.#capacity = capacity;
  }

  /** Of a stored text; `decode` is called where the text alone does not say it. Throws NetParseError, and what `decode` throws. */
  fromText(text: string, namespace: string, decode: (text: string) => WorkloadEndpoint): LabelledItem | undefined {
    const outline = outlineWorkloadEndpoint(text);
    if (outline === undefined) return this.fromResource(decode(text), namespace);
    const key = `${namespace}\n${outline.likeness}`;
    const known = this.#likenesses.get(key);
    if (known === undefined) return this.#learn(key, decode(text), namespace);
    return itemOf(known, outline.ipNetworks);
  }

  /** Throws NetParseError. */
  fromResource(resource: WorkloadEndpoint, namespace: string): LabelledItem | undefined {
    return itemOf(this.#likenessOf(resource, namespace), resource.spec.ipNetworks ?? []);
  }

  #learn(key: string, resource: WorkloadEndpoint, namespace: string): LabelledItem | undefined {
    const likeness = this.#likenessOf(resource, namespace);
    if (this.#likenesses.size >= this.#capacity) this.#likenesses.clear();
    this.#likenesses.set(ownCopy(key), likeness);
    return itemOf(likeness, resource.spec.ipNetworks ?? []);
  }

  #likenessOf({ metadata, spec }: WorkloadEndpoint, namespace: string): Likeness {
    const { profiles = [], ports = [], serviceAccountName = '' } = spec;
    const account = serviceAccountName === '' ? [] : [[serviceAccountLabel, serviceAccountName] as const];
    return {
      labels: this.#interner.labels(metadata.labels, isInheritedOnly, [[NAMESPACE_LABEL, namespace], ...account]),
      profiles: this.#interner.list(profiles),
      ports: ports.length === 0 ? noPorts : convertPorts(ports.filter((port) => port.name !== '')),
    };
  }
}

const noPorts: LabelledItem['ports'] = [];

function itemOf({ labels, profiles, ports }: Likeness, ipNetworks: readonly string[]): LabelledItem | undefined {
  const [only, ...more] = ipNetworks;
  if (only === undefined) return undefined;
  const nets = more.length === 0 ? [netOf(only)] : ipNetworks.map(netOf).sort(compareCidr);
  return { labels, profiles, nets, ports };
}

function netOf(text: string): Cidr {
  const cidr = parseCidrLoose(text);
  return cidr.endsWith(familyOf(cidr) === 4 ? '/32' : '/128') ? cidr : hostCidr(splitCidr(cidr).ip);
}

/** A string that is not part of another, which would stay in memory with it. */
function ownCopy(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

/** Labels that only profiles may give. */
function isInheritedOnly(name: string): boolean {
  return name.startsWith('pcns.') || name.startsWith('pcsa.');
}
