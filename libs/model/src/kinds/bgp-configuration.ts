import { cidr, ipv4, ipv6 } from '../checks/nets.ts';
import { ignoredInterface, resourceName } from '../checks/names.ts';
import { logLevel } from '../checks/log-level.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { boolean, duration, int, oneOf, string, text, uint16 } from '../schema/scalars.ts';
import type { ValueCheck } from '../schema/schema.ts';
import { always, optional, pointer, struct, type StructValue, type Report } from '../schema/struct.ts';
import { bgpPassword } from './bgp-secret.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const MAX_COMMUNITIES = 500;
const MAX_COMMUNITIES_PER_PREFIX = 50;

/** `aa:nn` of 16 bits each, or a large community `aa:nn:mm` of 32 bits each. */
export const communityValue: ValueCheck<string> = (value) => {
  const parts = /^[0-9]{1,10}(?::[0-9]{1,10}){1,2}$/.test(value) ? value.split(':').map(Number) : [];
  const max = parts.length === 2 ? 0xffff : 0xffff_ffff;
  return parts.length > 0 && parts.every((part) => part <= max)
    ? undefined
    : 'must be a community "aa:nn" (16 bits each) or a large community "aa:nn:mm" (32 bits each)';
};

const block = { cidr: optional(text(cidr)) };

export const routePriority = pointer(int(1, 2_147_483_646));

const fields = {
  logSeverityScreen: optional(text(logLevel), { default: 'Info' }),
  nodeToNodeMeshEnabled: pointer(boolean),
  asNumber: pointer(asNumber),
  serviceLoadBalancerIPs: optional(list(struct('ServiceLoadBalancerIPBlock', block))),
  serviceExternalIPs: optional(list(struct('ServiceExternalIPBlock', block))),
  serviceClusterIPs: optional(list(struct('ServiceClusterIPBlock', block))),
  serviceLoadBalancerAggregation: pointer(oneOf('Enabled', 'Disabled'), { default: 'Enabled' }),
  communities: optional(
    list(
      struct('Community', {
        name: optional(string, { mandatory: true }),
        value: optional(text(communityValue), { mandatory: true }),
      }),
      { maxItems: MAX_COMMUNITIES },
    ),
  ),
  prefixAdvertisements: optional(
    list(
      struct('PrefixAdvertisement', {
        cidr: optional(text(cidr), { mandatory: true }),
        communities: optional(list(string, { maxItems: MAX_COMMUNITIES_PER_PREFIX })),
      }),
      { maxItems: MAX_COMMUNITIES },
    ),
  ),
  listenPort: optional(uint16()),
  nodeMeshPassword: pointer(bgpPassword),
  nodeMeshMaxRestartTime: pointer(duration),
  bindMode: pointer(oneOf('None', 'NodeIP')),
  ignoredInterfaces: optional(list(text(ignoredInterface))),
  localWorkloadPeeringIPV4: optional(text(ipv4)),
  localWorkloadPeeringIPV6: optional(text(ipv6)),
  programClusterRoutes: pointer(oneOf('Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly')),
  ipv4NormalRoutePriority: routePriority,
  ipv6NormalRoutePriority: routePriority,
};

type BGPConfigurationSpec = StructValue<typeof fields>;

export const bgpConfiguration = defineKind({
  kind: 'BGPConfiguration',
  plural: 'bgpconfigurations',
  shortNames: ['bgpconfig', 'bgpconfigs'],
  name: resourceName,
  columns: {
    get: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'],
    cells: {
      LOGSEVERITY: ({ spec }) => spec.logSeverityScreen ?? '',
      MESHENABLED: ({ spec }) => String(spec.nodeToNodeMeshEnabled ?? '-'),
      ASNUMBER: ({ spec }) => String(spec.asNumber ?? '-'),
    },
  },
  body: { spec: always(struct('BGPConfigurationSpec', fields, checkMesh, checkCommunities)) },
});

export type BGPConfiguration = ResourceOfDefinition<typeof bgpConfiguration>;

function checkMesh(spec: BGPConfigurationSpec, report: Report): void {
  if (spec.nodeToNodeMeshEnabled !== false) return;
  for (const field of ['nodeMeshPassword', 'nodeMeshMaxRestartTime'] as const) {
    if (spec[field] !== undefined) report([field], spec[field], 'is not possible where nodeToNodeMeshEnabled is false');
  }
}

function checkCommunities({ communities = [], prefixAdvertisements = [] }: BGPConfigurationSpec, report: Report): void {
  if (communities.length > 0 && prefixAdvertisements.length === 0) {
    report(['communities'], communities, 'needs prefixAdvertisements that use it');
  }
  const names = new Set(communities.map(({ name }) => name));
  for (const [index, advertisement] of prefixAdvertisements.entries()) {
    for (const [position, community] of (advertisement.communities ?? []).entries()) {
      if (names.has(community) || communityValue(community) === undefined) continue;
      report(
        ['prefixAdvertisements', index, 'communities', position],
        community,
        'must be a community value, or a name in communities',
      );
    }
  }
}
