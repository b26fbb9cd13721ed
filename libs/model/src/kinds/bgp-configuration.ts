import { cidr, ipv4, ipv6 } from '../checks/nets.ts';
import { ignoredInterface, resourceName } from '../checks/names.ts';
import { logLevel } from '../checks/log-level.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { boolean, duration, int, oneOf, string, text, uint16 } from '../schema/scalars.ts';
import { noted } from '../schema/schema.ts';
import { always, optional, pointer, struct, type StructValue, type Report } from '../schema/struct.ts';
import { bgpPassword } from './bgp-secret.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import type { ObjectMeta } from './object-meta.ts';

const MAX_COMMUNITIES = 500;
const MAX_COMMUNITIES_PER_PREFIX = 50;

const COMMUNITY = 'a community "aa:nn" (16 bits each) or a large community "aa:nn:mm" (32 bits each)';

/** `aa:nn` of 16 bits each, or a large community `aa:nn:mm` of 32 bits each. */
export const communityValue = noted(COMMUNITY, (value: string) => {
  const parts = /^[0-9]{1,10}(?::[0-9]{1,10}){1,2}$/.test(value) ? value.split(':').map(Number) : [];
  const max = parts.length === 2 ? 0xffff : 0xffff_ffff;
  return parts.length > 0 && parts.every((part) => part <= max) ? undefined : `must be ${COMMUNITY}`;
});

const block = { cidr: optional(text(cidr), 'The network to announce; addresses within it are announced with it.') };

/** A metric of the kernel's route table that leaves room on both sides. */
export const routePriority = int(1, 2_147_483_646);

const fields = {
  logSeverityScreen: optional(text(logLevel), { default: 'Info', description: 'How much the BGP daemon logs.' }),
  nodeToNodeMeshEnabled: pointer(boolean, { unset: 'true', description: 'Whether every node peers with every other.' }),
  asNumber: pointer(asNumber, { unset: '64512', description: 'The AS number of nodes that have none of their own.' }),
  serviceLoadBalancerIPs: optional(
    list(struct('ServiceLoadBalancerIPBlock', block)),
    'Networks of load balancer addresses of services to announce.',
  ),
  serviceExternalIPs: optional(
    list(struct('ServiceExternalIPBlock', block)),
    'Networks of external addresses of services to announce.',
  ),
  serviceClusterIPs: optional(
    list(struct('ServiceClusterIPBlock', block)),
    'Networks of cluster addresses of services to announce.',
  ),
  serviceLoadBalancerAggregation: pointer(oneOf('Enabled', 'Disabled'), {
    default: 'Enabled',
    description: 'Whether load balancer addresses are announced as whole networks or one by one.',
  }),
  communities: optional(
    list(
      struct('Community', {
        name: optional(string, { mandatory: true, description: 'What prefixAdvertisements call it.' }),
        value: optional(text(communityValue), { mandatory: true, description: 'The value that peers see.' }),
      }),
      { maxItems: MAX_COMMUNITIES },
    ),
    'Names for community values, for use in prefixAdvertisements.',
  ),
  prefixAdvertisements: optional(
    list(
      struct('PrefixAdvertisement', {
        cidr: optional(text(cidr), { mandatory: true, description: 'The network.' }),
        communities: optional(
          list(string, { maxItems: MAX_COMMUNITIES_PER_PREFIX }),
          'Names or values of the communities.',
        ),
      }),
      { maxItems: MAX_COMMUNITIES },
    ),
    'Communities that routes within a network are announced with.',
  ),
  listenPort: optional(uint16(), { unset: '179', description: 'The TCP port that BGP listens on.' }),
  nodeMeshPassword: pointer(bgpPassword, 'The TCP MD5 password of mesh sessions.'),
  nodeMeshMaxRestartTime: pointer(duration, 'How long routes of a restarting mesh peer are kept (graceful restart).'),
  bindMode: pointer(oneOf('None', 'NodeIP'), {
    unset: 'None',
    description: "Whether BGP listens on all addresses or the node's own only.",
  }),
  ignoredInterfaces: optional(list(text(ignoredInterface)), 'Interfaces whose routes are not exported.'),
  localWorkloadPeeringIPV4: optional(text(ipv4), 'The IPv4 address that local workloads peer with.'),
  localWorkloadPeeringIPV6: optional(text(ipv6), 'The IPv6 address that local workloads peer with.'),
  programClusterRoutes: pointer(
    oneOf('Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'),
    "Which routes to other nodes' workloads the BGP daemon, not Felix, puts into the kernel.",
  ),
  ipv4NormalRoutePriority: pointer(routePriority, {
    unset: '1024',
    description: "Felix's metric of usual IPv4 routes: those with a better one go before others on all nodes.",
  }),
  ipv6NormalRoutePriority: pointer(routePriority, {
    unset: '1024',
    description: "Felix's metric of usual IPv6 routes: those with a better one go before others on all nodes.",
  }),
};

type BGPConfigurationSpec = StructValue<typeof fields>;

/** What a node's own configuration cannot decide. */
const CLUSTER_WIDE = [
  'nodeToNodeMeshEnabled',
  'asNumber',
  'serviceLoadBalancerIPs',
  'serviceExternalIPs',
  'serviceClusterIPs',
  'nodeMeshPassword',
  'nodeMeshMaxRestartTime',
] as const;

export const bgpConfiguration = defineKind({
  kind: 'BGPConfiguration',
  name: resourceName,
  docs: {
    summary: 'How the cluster speaks BGP: `default` for all nodes, `node.<name>` for one.',
    example: {
      metadata: { name: 'default' },
      spec: { asNumber: 64512, nodeToNodeMeshEnabled: true, serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] },
    },
  },
  columns: {
    get: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'],
    cells: {
      LOGSEVERITY: ({ spec }) => spec.logSeverityScreen ?? '',
      MESHENABLED: ({ spec }) => String(spec.nodeToNodeMeshEnabled ?? '-'),
      ASNUMBER: ({ spec }) => String(spec.asNumber ?? '-'),
    },
  },
  body: {
    spec: always(
      struct(
        'BGPConfigurationSpec',
        fields,
        noted('nodeMeshPassword and nodeMeshMaxRestartTime only where the mesh is not switched off', checkMesh),
        noted(
          'communities only with prefixAdvertisements, whose communities are values or names of those',
          checkCommunities,
        ),
      ),
    ),
  },
  checks: [noted(`only in "default": ${CLUSTER_WIDE.join(', ')}`, checkClusterWide)],
});

export type BGPConfiguration = ResourceOfDefinition<typeof bgpConfiguration>;

function checkClusterWide(
  { metadata, spec }: { metadata: ObjectMeta; spec: BGPConfigurationSpec },
  report: Report,
): void {
  if (metadata.name === 'default') return;
  for (const field of CLUSTER_WIDE) {
    const value = spec[field];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    report(['spec', field], value, 'is only possible in the configuration "default"');
  }
}

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
