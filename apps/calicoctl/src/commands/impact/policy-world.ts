import { isDatastoreError, type Resources } from '@calico-node/datastore';
import { protocolNumber, type FelixConfiguration, type Kind, type Resource } from '@calico-node/model';
import { parseCidrLoose } from '@calico-node/net';
import { defaultNodePolicy, type FailsafePort, type NodePolicy } from '@calico-node/policy';
import type { Named } from '../named.ts';

/** The kinds that verdicts depend on. */
const kinds: readonly Kind[] = [
  'BGPConfiguration',
  'GlobalNetworkPolicy',
  'GlobalNetworkSet',
  'HostEndpoint',
  'NetworkPolicy',
  'NetworkSet',
  'Node',
  'Profile',
  'Tier',
  'WorkloadEndpoint',
];

/** All that verdicts depend on, by identity. */
export type PolicyResources = ReadonlyMap<string, Resource>;

export async function readPolicyResources(resources: Resources): Promise<PolicyResources> {
  const lists = await Promise.all(kinds.map((kind) => resources.list(kind)));
  const all: readonly Resource[] = lists.flatMap(({ items }) => items);
  return new Map(all.map((resource) => [identityOf(resource), resource]));
}

/** The same with what has become of the named resources since. */
export async function withChanges(
  known: PolicyResources,
  written: readonly Named[],
  resources: Resources,
): Promise<PolicyResources> {
  const changed = new Map(known);
  const ofPolicy = written.filter(({ kind }) => kinds.includes(kind));
  const found = await Promise.all(
    ofPolicy.map(async (named) => ({ named, resource: await readOne(named, resources) })),
  );
  for (const { named, resource } of found) {
    if (resource === undefined) changed.delete(identityOf(named));
    else changed.set(identityOf(resource), resource);
  }
  return changed;
}

/**
 * What FelixConfiguration `default` adds to policy; single nodes may have others. What workloads send to their hosts is
 * as the nodes' own resources say, where all that do agree: start-up makes one for each node that does.
 */
export async function readNodePolicy(resources: Resources): Promise<NodePolicy> {
  const { items } = await resources.list('FelixConfiguration');
  const spec = items.find(({ metadata }) => metadata.name === 'default')?.spec ?? {};
  const { failsafes, ...others } = defaultNodePolicy;
  const ofNodes = new Set(
    items
      .filter(({ metadata }) => metadata.name.startsWith('node.'))
      .flatMap(({ spec: own }) => own.defaultEndpointToHostAction?.toUpperCase() ?? []),
  );
  const [agreed] = ofNodes.size === 1 ? ofNodes : [];
  const action = agreed ?? spec.defaultEndpointToHostAction?.toUpperCase();
  return {
    ...others,
    ...(action === 'RETURN' || action === 'ACCEPT' ? { defaultEndpointToHostAction: action } : {}),
    ...(spec.serviceLoopPrevention === 'Disabled' ? { preventsServiceLoops: false } : {}),
    ...(spec.vxlanPort === undefined ? {} : { vxlanPort: spec.vxlanPort }),
    ...(spec.allowVXLANPacketsFromWorkloads === true ? { allowVxlanPacketsFromWorkloads: true } : {}),
    ...(spec.allowIPIPPacketsFromWorkloads === true ? { allowIpipPacketsFromWorkloads: true } : {}),
    failsafes: {
      inbound: portsOf(spec.failsafeInboundHostPorts) ?? failsafes.inbound,
      outbound: portsOf(spec.failsafeOutboundHostPorts) ?? failsafes.outbound,
    },
  };
}

function portsOf(ports: FelixConfiguration['spec']['failsafeInboundHostPorts']): readonly FailsafePort[] | undefined {
  return ports?.flatMap(({ protocol = 'TCP', port, net = '' }) => {
    const number = protocolNumber(protocol);
    if (number === undefined) return [];
    return [{ protocol: number, port, ...(net === '' ? {} : { net: parseCidrLoose(net) }) }];
  });
}

async function readOne({ kind, metadata }: Named, resources: Resources): Promise<Resource | undefined> {
  try {
    return await resources.get(kind, metadata.name, metadata.namespace);
  } catch (error) {
    if (isDatastoreError(error, 'not-found')) return undefined;
    throw error;
  }
}

function identityOf({ kind, metadata }: Named): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}
