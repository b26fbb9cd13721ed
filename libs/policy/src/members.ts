import {
  NAMESPACE_LABEL,
  protocolNumber,
  type GlobalNetworkSet,
  type HostEndpoint,
  type NetworkSet,
  type Protocol,
  type WorkloadEndpoint,
} from '@calico-node/model';
import { hostCidr, parseCidrLoose, parseIp } from '@calico-node/net';
import { labelsOf } from '@calico-node/selector';
import type { Member, MemberPort } from './world.ts';

/** Labels that only profiles may give are dropped; namespace and service account are set. Throws NetParseError. */
export function memberOfWorkloadEndpoint({ metadata, spec }: WorkloadEndpoint): Member {
  const labels = new Map([...labelsOf(metadata.labels)].filter(([name]) => !/^pc(ns|sa)\./.test(name)));
  if (metadata.namespace !== undefined) labels.set(NAMESPACE_LABEL, metadata.namespace);
  if (spec.serviceAccountName) labels.set('projectcalico.org/serviceaccount', spec.serviceAccountName);
  return {
    labels,
    profiles: spec.profiles ?? [],
    nets: (spec.ipNetworks ?? []).map((net) => parseCidrLoose(net)),
    ports: portsOf((spec.ports ?? []).filter(({ name }) => name !== '')),
  };
}

/** Its expected addresses. Throws NetParseError. */
export function memberOfHostEndpoint({ metadata, spec }: HostEndpoint): Member {
  return {
    labels: labelsOf(metadata.labels),
    profiles: spec.profiles ?? [],
    nets: (spec.expectedIPs ?? []).map((ip) => hostCidr(parseIp(ip))),
    ports: portsOf(spec.ports ?? []),
  };
}

/** A NetworkSet belongs to its namespace, and inherits the labels of the namespace's profile. Throws NetParseError. */
export function memberOfNetworkSet({ kind, metadata, spec }: GlobalNetworkSet | NetworkSet): Member {
  const nets = (spec.nets ?? []).map((net) => parseCidrLoose(net));
  const labels = labelsOf(metadata.labels);
  if (kind === 'GlobalNetworkSet') return { labels, profiles: [], nets, ports: [] };
  const { namespace = '' } = metadata;
  return {
    labels: new Map([...labels, [NAMESPACE_LABEL, namespace]]),
    profiles: [`kns.${namespace}`],
    nets,
    ports: [],
  };
}

function portsOf(
  ports: readonly { readonly name: string; readonly protocol: Protocol; readonly port: number }[],
): readonly MemberPort[] {
  return ports.flatMap(({ name, protocol, port }) => {
    const number = protocolNumber(protocol);
    return number === undefined ? [] : [{ name, protocol: number, port }];
  });
}
