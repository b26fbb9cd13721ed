import { resourceName } from '../checks/names.ts';
import { portMatchOf } from '../schema/numorstring.ts';
import { noted } from '../schema/schema.ts';
import { always, struct, type Report, type StructValue } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import { bpfFields } from './felix/bpf.ts';
import { generalFields } from './felix/general.ts';
import { hostFields } from './felix/host.ts';
import { netfilterFields } from './felix/netfilter.ts';
import { networksFields } from './felix/networks.ts';
import { routingFields } from './felix/routing.ts';
import { trafficFields } from './felix/traffic.ts';
import type { ObjectMeta } from './object-meta.ts';

/** Fields in the order that Go prints them. */
const felixConfigurationFields = {
  ...generalFields,
  ...trafficFields,
  ...networksFields,
  ...hostFields,
  ...netfilterFields,
  ...bpfFields,
  ...routingFields,
};

const MAX_ROUTE_TABLES = 65_535;

export const felixConfiguration = defineKind({
  kind: 'FelixConfiguration',
  name: resourceName,
  docs: {
    summary:
      'How Felix programs nodes: `default` for all, `node.<name>` for one, and other names for those that nodeSelector selects.',
    example: {
      metadata: { name: 'default' },
      spec: {
        logSeverityScreen: 'Info',
        reportingInterval: '30s',
        failsafeInboundHostPorts: [{ protocol: 'TCP', port: 22 }],
      },
    },
  },
  body: { spec: always(struct('FelixConfigurationSpec', felixConfigurationFields)) },
  checks: [
    noted('nodeSelector not in "default" and "node.<name>"', checkNodeSelector),
    noted('kubeNodePortRanges without names', checkNodePorts),
    noted(`routeTableRange not with routeTableRanges, which name at most ${MAX_ROUTE_TABLES} tables`, checkRouteTables),
  ],
  onWrite: fillDefaults,
});

export type FelixConfiguration = ResourceOfDefinition<typeof felixConfiguration>;

type FelixSpec = StructValue<typeof felixConfigurationFields>;

interface FelixLike {
  readonly metadata: ObjectMeta;
  readonly spec: FelixSpec;
}

/** What Calico's client writes into every record; the old boolean decides the two newer fields. */
function fillDefaults<R extends { readonly spec: object }>(resource: R): R {
  const spec = resource.spec as FelixSpec;
  const legacy = spec.bpfConnectTimeLoadBalancingEnabled;
  const defaults =
    legacy === undefined
      ? {
          bpfConnectTimeLoadBalancing: spec.bpfConnectTimeLoadBalancing ?? 'TCP',
          bpfHostNetworkedNATWithoutCTLB: spec.bpfHostNetworkedNATWithoutCTLB ?? 'Enabled',
        }
      : {
          bpfConnectTimeLoadBalancing: legacy ? ('Enabled' as const) : ('Disabled' as const),
          bpfHostNetworkedNATWithoutCTLB: 'Disabled' as const,
        };
  return { ...resource, spec: { ...spec, ...defaults, floatingIPs: spec.floatingIPs ?? 'Disabled' } };
}

function checkNodeSelector({ metadata: { name }, spec }: FelixLike, report: Report): void {
  if (spec.nodeSelector !== undefined && (name === 'default' || name.startsWith('node.'))) {
    report(['spec', 'nodeSelector'], spec.nodeSelector, `is not possible in "${name}"`);
  }
}

function checkNodePorts({ spec }: FelixLike, report: Report): void {
  for (const [index, value] of (spec.kubeNodePortRanges ?? []).entries()) {
    if (portMatchOf(value).type === 'named')
      report(['spec', 'kubeNodePortRanges', index], value, 'must be a port number or range');
  }
}

function checkRouteTables({ spec: { routeTableRange, routeTableRanges } }: FelixLike, report: Report): void {
  if (routeTableRange !== undefined && routeTableRanges !== undefined) {
    report(['spec', 'routeTableRange'], routeTableRange, 'must not be set together with routeTableRanges');
  }
  const total = (routeTableRanges ?? []).reduce((sum, { min, max }) => sum + max - min + 1, 0);
  if (total > MAX_ROUTE_TABLES) {
    report(
      ['spec', 'routeTableRanges'],
      routeTableRanges,
      `must name at most ${MAX_ROUTE_TABLES} tables, not ${total}`,
    );
  }
}
