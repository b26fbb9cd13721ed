import {
  addToIp,
  cidrOf,
  cidrsOverlap,
  familyOf,
  ipFromBytes,
  parseCidr,
  parseIp,
  tryParseCidr,
  type Cidr,
} from '@calico-node/net';
import type { IPPool } from '@calico-node/model';
import type { PoolSetting } from './startup-config.ts';

const usualIpv4 = parseCidr('192.168.0.0/16');

/** 192.168.0.0/16, or the first of 172.16.0.0/16 to 172.31.0.0/16 when the host uses part of it. */
function chooseIpv4(hostNetworks: readonly Cidr[]): Cidr {
  const first = parseIp('172.16.0.0');
  const others = Array.from({ length: 16 }, (_, index) => cidrOf(addToIp(first, index * 65536), 16));
  const isFree = (cidr: Cidr): boolean => !hostNetworks.some((network) => cidrsOverlap(cidr, network));
  return [usualIpv4, ...others].find(isFree) ?? usualIpv4;
}

/** A unique local /48 (RFC 4193 3.2.1) from five random bytes. */
function chooseIpv6(random: Uint8Array): Cidr {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xfd;
  bytes.set(random.subarray(0, 5), 1);
  return cidrOf(ipFromBytes(bytes), 48);
}

export interface PoolFacts {
  readonly existing: readonly IPPool[];
  /** The networks of the host's own interfaces. */
  readonly hostNetworks: readonly Cidr[];
  readonly isIpv6Supported: boolean;
  /** Five bytes or more. */
  readonly random: Uint8Array;
}

/**
 * The pools to create: `default-ipv4-ippool` and `default-ipv6-ippool`, each only when no pool of its family
 * exists.
 */
export function missingDefaultPools(settings: readonly PoolSetting[], facts: PoolFacts): readonly IPPool[] {
  const families = new Set(
    facts.existing.flatMap((pool) => {
      const cidr = tryParseCidr(pool.spec.cidr);
      return cidr === undefined ? [] : [familyOf(cidr)];
    }),
  );
  return settings
    .filter(({ family }) => !families.has(family) && (family === 4 || facts.isIpv6Supported))
    .map((setting) => ({
      kind: 'IPPool',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: `default-ipv${setting.family}-ippool` },
      spec: {
        cidr: setting.cidr ?? (setting.family === 4 ? chooseIpv4(facts.hostNetworks) : chooseIpv6(facts.random)),
        blockSize: setting.blockSize,
        ipipMode: setting.ipipMode,
        vxlanMode: setting.vxlanMode,
        natOutgoing: setting.natOutgoing,
        nodeSelector: setting.nodeSelector,
        ...(setting.disableBgpExport ? { disableBGPExport: true } : {}),
        allowedUses: ['Workload', 'Tunnel'],
      },
    }));
}
