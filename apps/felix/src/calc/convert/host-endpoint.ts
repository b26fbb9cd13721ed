import { hostCidr, parseIp } from '@calico-node/net';
import type { HostEndpoint } from '@calico-node/model';
import { labelsOf } from '@calico-node/selector';
import type { HostEndpointId } from '../endpoint-id.ts';
import type { LocalHostEndpoint } from '../intents.ts';
import type { LabelledItem } from '../ip-set-index.ts';
import { checkInterfaceName } from './interface-name.ts';
import { convertPorts } from './ports.ts';
import { convertHostQos } from './qos.ts';

/** A host endpoint, of any host, in the calculation graph. */
export interface HostEndpointModel {
  /** As the resource spells it: a string that may be nobody's host name. */
  readonly hostname: string;
  readonly id: HostEndpointId;
  /** As a member of IP sets: its expected addresses. */
  readonly item: LabelledItem;
  /** All that the dataplane needs of it but its policy. */
  readonly endpoint: Omit<LocalHostEndpoint, 'tiers' | 'forwardTiers' | 'untrackedTiers' | 'preDnatTiers'>;
}

/** Throws ConversionError or NetParseError for values that can't be programmed. */
export function convertHostEndpoint(
  { metadata, spec }: HostEndpoint,
  name: string,
  revision: bigint,
): HostEndpointModel {
  const expectedIps = (spec.expectedIPs ?? []).map((ip) => parseIp(ip));
  const profiles = spec.profiles ?? [];
  const { interfaceName = '' } = spec;
  if (interfaceName !== '' && interfaceName !== '*') checkInterfaceName(interfaceName);
  return {
    hostname: spec.node ?? '',
    id: name as HostEndpointId,
    item: {
      labels: labelsOf(metadata.labels),
      profiles,
      nets: expectedIps.map((ip) => hostCidr(ip)),
      ports: convertPorts(spec.ports ?? []),
    },
    endpoint: { name, revision, interfaceName, expectedIps, profiles, ...convertHostQos(metadata.annotations) },
  };
}
