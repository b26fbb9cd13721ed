/*
 * What each kind of the v1 API becomes in v3. The first three releases of v3 could read both; these are the
 * rules by which Calico's own tools converted them.
 */
import { familyOf, splitCidr } from '@calico-node/net';
import {
  addressName,
  convertName,
  convertNameWithoutDots,
  convertNodeName,
  convertProfileName,
  networkName,
} from './v1-names.ts';
import { V1Reader, type V1Problem } from './v1-reader.ts';
import { convertRules, convertSelector, nonEmpty, type V3Object } from './v1-rules.ts';
import { convertPort, convertWorkloadEndpoint } from './v1-workload-endpoint.ts';

/** A v3 document but for its `apiVersion`. */
export interface Converted {
  readonly kind: string;
  readonly metadata: V3Object;
  readonly spec: V3Object;
}

type Convert = (metadata: V1Reader, spec: V1Reader) => Converted;

const converters: ReadonlyMap<string, Convert> = new Map([
  ['bgppeer', convertBgpPeer],
  ['hostendpoint', convertHostEndpoint],
  ['ippool', convertIpPool],
  ['node', convertNode],
  ['policy', convertPolicy],
  ['profile', convertProfile],
  ['workloadendpoint', convertWorkloadEndpoint],
]);

/** The v3 document of a v1 one, without defaults, or every problem of it. */
export function convertV1(
  input: unknown,
): { readonly document: V3Object } | { readonly problems: readonly V1Problem[] } {
  const problems: V1Problem[] = [];
  const reader = new V1Reader(input, '', problems);
  const kind = reader.text('kind') ?? '';
  const apiVersion = reader.text('apiVersion') ?? '';
  const convert = apiVersion === 'v1' ? converters.get(kind.toLowerCase()) : undefined;
  if (convert === undefined) {
    reader.report('kind', `unknown resource type (${kind}) and/or version (${apiVersion})`);
    return { problems };
  }
  const metadata = reader.inner('metadata');
  const spec = reader.inner('spec');
  const converted = convert(metadata, spec);
  for (const read of [metadata, spec, reader]) read.done();
  if (problems.length > 0) return { problems };
  return { document: { apiVersion: 'projectcalico.org/v3', ...converted } };
}

function convertBgpPeer(metadata: V1Reader, spec: V1Reader): Converted {
  const scope = metadata.text('scope') ?? '';
  const nodeName = metadata.text('node') ?? '';
  const peerIP = metadata.address('peerIP');
  if (peerIP === undefined) metadata.report('peerIP', 'is required');
  if (scope === 'global' && nodeName !== '') metadata.report('node', 'is not possible with global scope');
  if (scope === 'node' && nodeName === '') metadata.report('node', 'is required with node scope');
  if (scope !== 'global' && scope !== 'node') metadata.report('scope', 'must be global or node');
  const node = nodeName === '' ? undefined : convertNodeName(nodeName);
  const address = peerIP === undefined ? '' : addressName(peerIP);
  return {
    kind: 'BGPPeer',
    metadata: { name: node === undefined ? address : `${node}.${address}` },
    spec: { node, peerIP, asNumber: spec.asNumber('asNumber') },
  };
}

function convertHostEndpoint(metadata: V1Reader, spec: V1Reader): Converted {
  const node = convertNodeName(metadata.required('node'));
  const ips = spec.addresses('expectedIPs');
  return {
    kind: 'HostEndpoint',
    metadata: {
      name: convertName(`${node}.${metadata.required('name')}`),
      labels: nonEmptyRecord(metadata.labels('labels')),
    },
    spec: {
      node,
      interfaceName: spec.text('interfaceName'),
      // IPv4 first, as the v1 datastore kept them.
      expectedIPs: nonEmpty(ips.toSorted((a, b) => familyOf(a) - familyOf(b))),
      profiles: nonEmpty(spec.texts('profiles').map(convertProfileName)),
      ports: nonEmpty(spec.inners('ports').map(convertPort)),
    },
  };
}

function convertIpPool(metadata: V1Reader, spec: V1Reader): Converted {
  const cidr = metadata.network('cidr');
  if (cidr === undefined) metadata.report('cidr', 'is required');
  const ipip = spec.inner('ipip');
  const isTunnelled = ipip.flag('enabled');
  const mode = ipip.text('mode') ?? '';
  ipip.done();
  const tunnelMode = mode.toLowerCase() === 'cross-subnet' ? 'CrossSubnet' : 'Always';
  return {
    kind: 'IPPool',
    metadata: { name: cidr === undefined ? '' : networkName(cidr) },
    spec: {
      cidr,
      ipipMode: isTunnelled ? tunnelMode : 'Never',
      natOutgoing: spec.flag('nat-outgoing') || undefined,
      disabled: spec.flag('disabled') || undefined,
      blockSize: cidr !== undefined && splitCidr(cidr).family === 6 ? 122 : 26,
      nodeSelector: 'all()',
    },
  };
}

function convertNode(metadata: V1Reader, spec: V1Reader): Converted {
  const name = convertNodeName(metadata.required('name'));
  const refs = spec.inners('orchRefs').map((ref) => {
    const converted = { nodeName: ref.text('nodeName'), orchestrator: ref.text('orchestrator') };
    ref.done();
    return converted;
  });
  return { kind: 'Node', metadata: { name }, spec: { bgp: convertNodeBgp(spec), orchRefs: nonEmpty(refs) } };
}

function convertNodeBgp(spec: V1Reader): V3Object | undefined {
  if (!spec.has('bgp')) return undefined;
  const bgp = spec.inner('bgp');
  const withMask = (field: string, bits: number): string | undefined => {
    // The address keeps its host bits, so only its form is checked here.
    if (bgp.network(field) === undefined) return undefined;
    const text = bgp.text(field) ?? '';
    return text.includes('/') ? text : `${text}/${bits}`;
  };
  const converted = {
    asNumber: bgp.asNumber('asNumber'),
    ipv4Address: withMask('ipv4Address', 32),
    ipv6Address: withMask('ipv6Address', 128),
  };
  bgp.done();
  if (converted.ipv4Address === undefined && converted.ipv6Address === undefined) {
    bgp.report('', 'must have an ipv4Address or an ipv6Address');
  }
  return converted;
}

function convertPolicy(metadata: V1Reader, spec: V1Reader): Converted {
  const ingress = convertRules(spec.inners('ingress'));
  const egress = convertRules(spec.inners('egress'));
  const doNotTrack = spec.flag('doNotTrack');
  const preDNAT = spec.flag('preDNAT');
  // These apply to forwarded traffic by nature; v3 wants it said.
  const applyOnForward = spec.flag('applyOnForward') || doNotTrack || preDNAT;
  return {
    kind: 'GlobalNetworkPolicy',
    metadata: {
      name: convertNameWithoutDots(metadata.required('name')),
      annotations: nonEmptyRecord(metadata.labels('annotations')),
    },
    spec: {
      order: spec.number('order'),
      ingress,
      egress,
      selector: convertSelector(spec.text('selector') ?? '') || undefined,
      types: convertTypes(spec) ?? defaultTypes(ingress, egress),
      doNotTrack: doNotTrack || undefined,
      preDNAT: preDNAT || undefined,
      applyOnForward: applyOnForward || undefined,
    },
  };
}

function convertTypes(spec: V1Reader): readonly string[] | undefined {
  const types = spec.texts('types').map((type) => {
    switch (type.toLowerCase()) {
      case 'ingress':
        return 'Ingress';
      case 'egress':
        return 'Egress';
      default:
        spec.report('types', `"${type}" is neither ingress nor egress`);
        return type;
    }
  });
  return nonEmpty(types);
}

function defaultTypes(
  ingress: readonly V3Object[] | undefined,
  egress: readonly V3Object[] | undefined,
): readonly string[] {
  if (egress === undefined) return ['Ingress'];
  return ingress === undefined ? ['Egress'] : ['Ingress', 'Egress'];
}

function convertProfile(metadata: V1Reader, spec: V1Reader): Converted {
  const labels: Record<string, string> = { ...metadata.labels('labels') };
  for (const tag of metadata.texts('tags')) {
    if (Object.hasOwn(labels, tag)) {
      metadata.report('tags', `tag "${tag}" and label "${tag}" would be the same label: rename the label first`);
    }
    labels[tag] = '';
  }
  return {
    kind: 'Profile',
    metadata: { name: convertProfileName(metadata.required('name')) },
    spec: {
      ingress: convertRules(spec.inners('ingress')),
      egress: convertRules(spec.inners('egress')),
      labelsToApply: nonEmptyRecord(labels),
    },
  };
}

function nonEmptyRecord(record: Readonly<Record<string, string>>): Readonly<Record<string, string>> | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
