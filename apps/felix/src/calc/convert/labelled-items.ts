import { parseCidrLoose } from '@calico-node/net';
import { NAMESPACE_LABEL, type GlobalNetworkSet, type NetworkSet } from '@calico-node/model';
import { labelsOf } from '@calico-node/selector';
import type { LabelledItem } from '../ip-set-index.ts';

/** Throws NetParseError. */
export function convertGlobalNetworkSet({ metadata, spec }: GlobalNetworkSet): LabelledItem {
  return {
    labels: labelsOf(metadata.labels),
    profiles: [],
    nets: (spec.nets ?? []).map((net) => parseCidrLoose(net)),
    ports: [],
  };
}

/** It belongs to its namespace, and inherits the labels of the namespace's profile. Throws NetParseError. */
export function convertNetworkSet({ metadata, spec }: NetworkSet, namespace: string): LabelledItem {
  return {
    labels: new Map([...labelsOf(metadata.labels), [NAMESPACE_LABEL, namespace]]),
    profiles: [`kns.${namespace}`],
    nets: (spec.nets ?? []).map((net) => parseCidrLoose(net)),
    ports: [],
  };
}
