import { cidrsOverlap, familyOf, parseCidr, splitCidr, tryParseCidr } from '@calico-node/net';
import { parseSelector } from '@calico-node/selector';
import { strictCidr } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { isRecord, list } from '../schema/containers.ts';
import { boolean, int, oneOf, text } from '../schema/scalars.ts';
import { noted, type Infer } from '../schema/schema.ts';
import { always, optional, pointer, struct, type Report } from '../schema/struct.ts';
import { condition } from './condition.ts';
import { orNil } from './columns.ts';
import { nonEmpty } from '../non-empty.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const encapsulation = oneOf('Never', 'Always', 'CrossSubnet');

const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'];

/** Fields in the order that Go prints them. */
const ipPoolSpec = struct('IPPoolSpec', {
  cidr: always(text(strictCidr), { mandatory: true, description: 'The addresses.' }),
  vxlanMode: optional(encapsulation, {
    unset: 'Never',
    description: 'Whether traffic to the pool is encapsulated in VXLAN: never, always, or between subnets.',
  }),
  ipipMode: optional(encapsulation, { unset: 'Never', description: 'The same for IP in IP.' }),
  natOutgoing: optional(boolean, "Whether traffic from the pool to elsewhere gets the node's address."),
  disabled: optional(boolean, 'Whether no more addresses are taken from it.'),
  disableBGPExport: optional(boolean, 'Whether its routes are kept from BGP peers.'),
  blockSize: optional(int(), {
    unset: '26 for IPv4, 122 for IPv6',
    description: 'The prefix length of the blocks that nodes take.',
  }),
  nodeSelector: optional(text(selectorWithoutGlobal), { default: 'all()', description: 'The nodes that may use it.' }),
  namespaceSelector: optional(text(selectorWithoutGlobal), 'The namespaces whose workloads may use it.'),
  allowedUses: optional(list(oneOf('Workload', 'Tunnel', 'LoadBalancer'), { uniqueBy: (use) => use }), {
    unset: 'Workload and Tunnel',
    description: 'What its addresses are for.',
  }),
  assignmentMode: pointer(oneOf('Automatic', 'Manual'), {
    default: 'Automatic',
    description: 'Whether addresses are taken from it unless asked for.',
  }),
});

type IPPoolSpec = Infer<typeof ipPoolSpec>;

export const ipPool = defineKind({
  kind: 'IPPool',
  name: resourceName,
  docs: {
    summary: 'Addresses for workloads, tunnels or load balancers, and how traffic to them travels.',
    example: {
      metadata: { name: 'pool-1' },
      spec: { cidr: '10.0.0.0/16', vxlanMode: 'CrossSubnet', natOutgoing: true },
    },
    storeRules: [
      'a new pool must not overlap another, nor blocks of another size',
      '`cidr` and `blockSize` cannot be changed',
      'a pool for LoadBalancer stays one',
      'deletion disables the pool and takes its blocks from their nodes first',
    ],
  },
  columns: {
    get: ['NAME', 'CIDR', 'SELECTOR'],
    wide: [
      'NAME',
      'CIDR',
      'NAT',
      'IPIPMODE',
      'VXLANMODE',
      'DISABLED',
      'DISABLEBGPEXPORT',
      'SELECTOR',
      'ASSIGNMENTMODE',
    ],
    cells: {
      CIDR: ({ spec }) => spec.cidr,
      NAT: ({ spec }) => String(spec.natOutgoing ?? false),
      IPIPMODE: ({ spec }) => nonEmpty(spec.ipipMode) ?? 'Never',
      VXLANMODE: ({ spec }) => nonEmpty(spec.vxlanMode) ?? 'Never',
      DISABLED: ({ spec }) => String(spec.disabled ?? false),
      DISABLEBGPEXPORT: ({ spec }) => String(spec.disableBGPExport ?? false),
      SELECTOR: ({ spec }) => spec.nodeSelector ?? '',
      ASSIGNMENTMODE: ({ spec }) => orNil(spec.assignmentMode),
    },
  },
  body: {
    spec: always(ipPoolSpec),
    status: pointer(
      struct('IPPoolStatus', { conditions: optional(list(condition), 'Whether it can be used, and why not.') }),
    ),
  },
  checks: [
    noted('blockSize 20 to 32 (IPv4) or 116 to 128 (IPv6), and of a cidr as large unless disabled', checkBlockSize),
    noted(`no link-local addresses (${LINK_LOCAL.join(', ')})`, checkNetwork),
    noted('not both ipipMode and vxlanMode; no ipipMode for IPv6', checkEncapsulation),
    noted(
      'LoadBalancer as the only use, without encapsulation and disableBGPExport, on all nodes; namespaceSelector not with Tunnel',
      checkUses,
    ),
  ],
  onWrite: (pool) => fillDefaults({ ...pool, spec: { ...pool.spec, cidr: canonicalCidr(pool.spec.cidr) } }),
  onRead: fillDefaults,
  readLegacy,
});

export type IPPool = ResourceOfDefinition<typeof ipPool>;

/** The spelling that Calico's client stores; text that is no network stays, for validation to refuse. */
function canonicalCidr(text: string): string {
  return tryParseCidr(text) ?? text;
}

function fillDefaults<R extends { readonly spec: IPPoolSpec }>(pool: R): R {
  const { spec } = pool;
  return {
    ...pool,
    spec: {
      ...spec,
      vxlanMode: nonEmpty(spec.vxlanMode) ?? 'Never',
      ipipMode: nonEmpty(spec.ipipMode) ?? 'Never',
      blockSize: nonEmpty(spec.blockSize) ?? (familyOf(spec.cidr) === 4 ? 26 : 122),
      nodeSelector: nonEmpty(spec.nodeSelector) ?? 'all()',
      allowedUses: spec.allowedUses?.length ? spec.allowedUses : (['Workload', 'Tunnel'] as const),
      assignmentMode: spec.assignmentMode ?? 'Automatic',
    },
  };
}

/** `ipip: {enabled, mode}` and `nat-outgoing` of records that calico-upgrade made (until 3.31). */
function readLegacy(record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { spec } = record;
  if (!isRecord(spec) || !('ipip' in spec || 'nat-outgoing' in spec)) return record;
  const { ipip, 'nat-outgoing': natOutgoing, ...rest } = spec;
  const legacy: Record<string, unknown> = {};
  if (isRecord(ipip) && ipip['enabled'] === true) {
    legacy['ipipMode'] = ipip['mode'] === 'cross-subnet' ? 'CrossSubnet' : 'Always';
  }
  if (natOutgoing === true) legacy['natOutgoing'] = true;
  return { ...record, spec: { ...legacy, ...rest } };
}

interface PoolLike {
  readonly spec: IPPoolSpec;
}

function checkBlockSize({ spec: { cidr: text, blockSize, disabled } }: PoolLike, report: Report): void {
  const cidr = tryParseCidr(text);
  if (cidr === undefined || blockSize === undefined || blockSize === 0) return;
  const { family, prefixLength } = splitCidr(cidr);
  const [min, max] = family === 4 ? [20, 32] : [116, 128];
  if (blockSize < min || blockSize > max) {
    report(['spec', 'blockSize'], blockSize, `must be ${min} to ${max} for an IPv${family} pool`);
  } else if (prefixLength > blockSize && disabled !== true) {
    report(['spec', 'cidr'], text, `must be at least as large as one block (/${blockSize})`);
  }
}

function checkNetwork({ spec: { cidr: text } }: PoolLike, report: Report): void {
  const cidr = tryParseCidr(text);
  const overlap = cidr && LINK_LOCAL.find((linkLocal) => cidrsOverlap(parseCidr(linkLocal), cidr));
  if (overlap) report(['spec', 'cidr'], text, `must not overlap the link-local addresses ${overlap}`);
}

function checkEncapsulation(
  { spec: { cidr, ipipMode = 'Never', vxlanMode = 'Never' } }: PoolLike,
  report: Report,
): void {
  const usesIpip = ipipMode !== 'Never' && (ipipMode as string) !== '';
  const usesVxlan = vxlanMode !== 'Never' && (vxlanMode as string) !== '';
  if (usesIpip && usesVxlan) report(['spec', 'ipipMode'], ipipMode, 'must be Never where vxlanMode is not');
  if (usesIpip && familyOf(cidr) === 6) report(['spec', 'ipipMode'], ipipMode, 'must be Never for an IPv6 pool');
}

function checkUses({ spec }: PoolLike, report: Report): void {
  const uses = spec.allowedUses ?? ['Workload', 'Tunnel'];
  if (uses.includes('Tunnel') && (spec.namespaceSelector ?? '') !== '') {
    report(
      ['spec', 'namespaceSelector'],
      spec.namespaceSelector,
      'needs allowedUses without Tunnel, such as [Workload]',
    );
  }
  if (!uses.includes('LoadBalancer')) return;
  if (uses.length > 1) report(['spec', 'allowedUses'], uses, 'must be LoadBalancer alone, or not hold it');
  for (const mode of ['ipipMode', 'vxlanMode'] as const) {
    if ((spec[mode] ?? 'Never') !== 'Never') report(['spec', mode], spec[mode], 'must be Never in a LoadBalancer pool');
  }
  if (!selectsAll(spec.nodeSelector)) {
    report(['spec', 'nodeSelector'], spec.nodeSelector, 'must be all() in a LoadBalancer pool');
  }
  if (spec.disableBGPExport === true)
    report(['spec', 'disableBGPExport'], true, 'is not possible in a LoadBalancer pool');
}

function selectsAll(text = ''): boolean {
  return selectorWithoutGlobal(text) === undefined && parseSelector(text).canonical === 'all()';
}
