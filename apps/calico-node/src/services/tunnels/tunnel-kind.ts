import type { IPPool, Node } from '@calico-node/model';
import { familyOf, tryParseCidr, type Cidr, type Family } from '@calico-node/net';
import { labelsOf, parseSelector } from '@calico-node/selector';

/** A kind of tunnel device that needs an address of its own on every node that uses it. */
export interface TunnelKind {
  /** For the operator. */
  readonly name: string;
  readonly family: Family;
  /** Calico's handle is this with `-<node>` behind it. */
  readonly handlePrefix: string;
  /** The address's `type` in IPAM. */
  readonly attributeType: string;
  /** Whether this node needs one, if pools like that are there. */
  readonly isOn: (node: Node, facts: TunnelFacts) => boolean;
  readonly usesPool: (pool: IPPool['spec']) => boolean;
  readonly read: (spec: Node['spec']) => string | undefined;
  /** The specification with the address, or without one. */
  readonly write: (spec: Node['spec'], address: string | undefined) => Node['spec'];
}

export interface TunnelFacts {
  /** FelixConfiguration's `wireguardHostEncryptionEnabled`: WireGuard then uses the nodes' own addresses. */
  readonly encryptsHosts: boolean;
}

/** An object with a field set, or without it. */
function withField<T extends object, K extends keyof T>(object: T, key: K, value: T[K] | undefined): T {
  const { [key]: _old, ...rest } = object;
  // Rest types of generics lose what they were; all other fields are still there.
  return (value === undefined ? rest : { ...rest, [key]: value }) as T;
}

function withPart<K extends 'bgp' | 'wireguard'>(
  spec: Node['spec'],
  part: K,
  change: (old: NonNullable<Node['spec'][K]>) => NonNullable<Node['spec'][K]>,
): Node['spec'] {
  const next = change(spec[part] ?? {});
  return withField(spec, part, Object.keys(next).length === 0 ? undefined : next);
}

const isUsed = (mode: string | undefined): boolean => mode === 'Always' || mode === 'CrossSubnet';
const familyOfPool = (pool: IPPool['spec']): Family | undefined => {
  const cidr = tryParseCidr(pool.cidr);
  return cidr === undefined ? undefined : familyOf(cidr);
};
const always = (): boolean => true;

/** In the order in which Calico goes through them. */
export const tunnelKinds: readonly TunnelKind[] = [
  {
    name: 'WireGuard',
    family: 4,
    handlePrefix: 'wireguard-tunnel-addr',
    attributeType: 'wireguardTunnelAddress',
    isOn: (node, { encryptsHosts }) => (node.status?.wireguardPublicKey ?? '') !== '' && !encryptsHosts,
    usesPool: (pool) => familyOfPool(pool) === 4,
    read: ({ wireguard }) => wireguard?.interfaceIPv4Address,
    write: (spec, address) => withPart(spec, 'wireguard', (old) => withField(old, 'interfaceIPv4Address', address)),
  },
  {
    name: 'WireGuard for IPv6',
    family: 6,
    handlePrefix: 'wireguard-v6-tunnel-addr',
    attributeType: 'wireguardV6TunnelAddress',
    isOn: (node, { encryptsHosts }) => (node.status?.wireguardPublicKeyV6 ?? '') !== '' && !encryptsHosts,
    usesPool: (pool) => familyOfPool(pool) === 6,
    read: ({ wireguard }) => wireguard?.interfaceIPv6Address,
    write: (spec, address) => withPart(spec, 'wireguard', (old) => withField(old, 'interfaceIPv6Address', address)),
  },
  {
    name: 'IP-in-IP',
    family: 4,
    handlePrefix: 'ipip-tunnel-addr',
    attributeType: 'ipipTunnelAddress',
    isOn: always,
    usesPool: (pool) => familyOfPool(pool) === 4 && isUsed(pool.ipipMode),
    read: ({ bgp }) => bgp?.ipv4IPIPTunnelAddr,
    write: (spec, address) => withPart(spec, 'bgp', (old) => withField(old, 'ipv4IPIPTunnelAddr', address)),
  },
  {
    name: 'VXLAN',
    family: 4,
    handlePrefix: 'vxlan-tunnel-addr',
    attributeType: 'vxlanTunnelAddress',
    isOn: always,
    usesPool: (pool) => familyOfPool(pool) === 4 && isUsed(pool.vxlanMode),
    read: ({ ipv4VXLANTunnelAddr }) => ipv4VXLANTunnelAddr,
    write: (spec, address) => withField(spec, 'ipv4VXLANTunnelAddr', address),
  },
  {
    name: 'VXLAN for IPv6',
    family: 6,
    handlePrefix: 'vxlan-v6-tunnel-addr',
    attributeType: 'vxlanV6TunnelAddress',
    isOn: always,
    usesPool: (pool) => familyOfPool(pool) === 6 && isUsed(pool.vxlanMode),
    read: ({ ipv6VXLANTunnelAddr }) => ipv6VXLANTunnelAddr,
    write: (spec, address) => withField(spec, 'ipv6VXLANTunnelAddr', address),
  },
];

function selects(selector: string | undefined, node: Node): boolean {
  return (selector ?? '') === '' || parseSelector(selector ?? '').evaluate(labelsOf(node.metadata.labels ?? {}));
}

/** The networks that a node's tunnel address of a kind may come from; empty when it needs none. */
export function tunnelPools(
  kind: TunnelKind,
  node: Node,
  pools: readonly IPPool[],
  facts: TunnelFacts,
): readonly Cidr[] {
  if (!kind.isOn(node, facts)) return [];
  return pools.flatMap(({ spec, metadata }) => {
    const isOpen = spec.disabled !== true && metadata.deletionTimestamp === undefined;
    const allowsTunnels = (spec.allowedUses ?? []).length === 0 || spec.allowedUses?.includes('Tunnel') === true;
    if (!isOpen || !allowsTunnels || !kind.usesPool(spec) || !selects(spec.nodeSelector, node)) return [];
    return tryParseCidr(spec.cidr) ?? [];
  });
}
