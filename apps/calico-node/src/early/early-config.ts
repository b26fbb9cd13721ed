import { familyOf, parseAsn, tryParseIp, type Asn, type IpAddress } from '@calico-node/net';
import { parse } from 'yaml';

/** A ToR to which a node has a session from the start. */
export interface EarlyPeering {
  readonly peer: IpAddress;
  readonly asNumber: Asn;
}

/** One node of an EarlyNetworkConfiguration. */
export interface EarlyNode {
  /** By which the node knows itself. */
  readonly interfaceAddresses: readonly IpAddress[];
  /** Reached over every ToR, whichever interface fails. */
  readonly stableAddress: IpAddress;
  readonly asNumber: Asn;
  readonly peerings: readonly EarlyPeering[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Calico's EarlyNetworkConfiguration. */
export interface EarlyConfig {
  readonly nodes: readonly EarlyNode[];
  /** The bootstrap machine of an OpenShift cluster is reached from the stable address. */
  readonly isOpenShift: boolean;
  /** The node knows itself by the source address of its default route, and by no other. */
  readonly isNodeFromDefaultRoute: boolean;
  /** The host has a default route over the ToRs of its own, whatever BGP tells. */
  readonly forcesDefaultRoute: boolean;
}

/** What is wrong with the file: each problem names its place, the value and what is allowed. */
export class EarlyConfigError extends Error {
  override readonly name = 'EarlyConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

type Fields = Readonly<Record<string, unknown>>;

const labelName = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

/** Reads values out of the document and keeps a list of what is wrong. */
class Reader {
  readonly problems: string[] = [];

  problem(path: string, value: unknown, allowed: string): void {
    const shown = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`;
    this.problems.push(`${path} ${shown}: must be ${allowed}`);
  }

  object(path: string, value: unknown, known: readonly string[]): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.problem(path, value, `an object with ${known.join(', ')}`);
      return {};
    }
    for (const [name, field] of Object.entries(value)) {
      if (!known.includes(name)) this.problem(`${path}.${name}`, field, `absent; ${path} has ${known.join(', ')}`);
    }
    return { ...value };
  }

  list<T>(path: string, value: unknown, what: string, read: (path: string, item: unknown) => T): readonly T[] {
    if (Array.isArray(value) && value.length > 0) {
      return value.map((item: unknown, index) => read(`${path}[${index}]`, item));
    }
    this.problem(path, value, `a list of ${what}, at least one`);
    return [];
  }

  ipv4(path: string, value: unknown): IpAddress | undefined {
    const ip = typeof value === 'string' ? tryParseIp(value) : undefined;
    if (ip !== undefined && familyOf(ip) === 4) return ip;
    this.problem(path, value, 'an IPv4 address');
    return undefined;
  }

  asNumber(path: string, value: unknown): Asn | undefined {
    try {
      const asNumber = typeof value === 'number' || typeof value === 'string' ? parseAsn(value) : 0;
      if (asNumber !== 0) return parseAsn(asNumber);
    } catch {
      // Reported below, with what is allowed.
    }
    this.problem(path, value, 'an AS number, 1 to 4294967295');
    return undefined;
  }

  boolean(path: string, value: unknown): boolean {
    if (value === undefined || value === null) return false;
    if (typeof value === 'boolean') return value;
    this.problem(path, value, 'true or false');
    return false;
  }
}

function readLabels(reader: Reader, path: string, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    reader.problem(path, value, 'an object of label names and values');
    return {};
  }
  const labels: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (!labelName.test(name)) reader.problem(path, name, 'named as a Kubernetes label');
    if (typeof text === 'string' && labelValue.test(text)) labels[name] = text;
    else reader.problem(`${path}.${name}`, text, "a label's value: a text of up to 63 letters, digits, -, _ and .");
  }
  return labels;
}

function readPeering(reader: Reader, path: string, value: unknown, own: Asn | undefined): EarlyPeering | undefined {
  const { peerIP, peerASNumber } = reader.object(path, value, ['peerIP', 'peerASNumber']);
  const peer = reader.ipv4(`${path}.peerIP`, peerIP);
  const isOwn = peerASNumber === undefined || peerASNumber === null || peerASNumber === 0;
  const asNumber = isOwn ? own : reader.asNumber(`${path}.peerASNumber`, peerASNumber);
  return peer === undefined || asNumber === undefined ? undefined : { peer, asNumber };
}

const nodeFields = ['interfaceAddresses', 'stableAddress', 'asNumber', 'peerings', 'labels'];

function readNode(reader: Reader, path: string, value: unknown): EarlyNode | undefined {
  const fields = reader.object(path, value, nodeFields);
  const interfaceAddresses = reader.list(
    `${path}.interfaceAddresses`,
    fields['interfaceAddresses'],
    'IPv4 addresses',
    (at, item) => reader.ipv4(at, item),
  );
  const stable = reader.object(`${path}.stableAddress`, fields['stableAddress'], ['address']);
  const stableAddress = reader.ipv4(`${path}.stableAddress.address`, stable['address']);
  const asNumber = reader.asNumber(`${path}.asNumber`, fields['asNumber']);
  const peerings = reader
    .list(`${path}.peerings`, fields['peerings'], 'peerings', (at, item) => readPeering(reader, at, item, asNumber))
    .filter((peering) => peering !== undefined);
  const peers = peerings.map(({ peer }) => peer);
  for (const peer of peers.filter((one, index) => peers.indexOf(one) !== index)) {
    reader.problem(`${path}.peerings`, peer, 'peerings with different addresses');
  }
  const labels = readLabels(reader, `${path}.labels`, fields['labels']);
  if (stableAddress === undefined || asNumber === undefined) return undefined;
  if (interfaceAddresses.includes(stableAddress)) {
    reader.problem(`${path}.stableAddress.address`, stableAddress, 'none of interfaceAddresses');
  }
  return {
    interfaceAddresses: interfaceAddresses.filter((ip) => ip !== undefined),
    stableAddress,
    asNumber,
    peerings,
    labels,
  };
}

/** An address has one node: otherwise none knows which it is. */
function checkUnique(reader: Reader, nodes: readonly (EarlyNode | undefined)[]): void {
  const owners = new Map<IpAddress, number>();
  for (const [index, node] of nodes.entries()) {
    for (const ip of new Set([
      ...(node?.interfaceAddresses ?? []),
      ...(node === undefined ? [] : [node.stableAddress]),
    ])) {
      const other = owners.get(ip);
      if (other !== undefined) reader.problem(`spec.nodes[${index}]`, ip, `without an address of spec.nodes[${other}]`);
      owners.set(ip, index);
    }
  }
}

function parseDocument(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new EarlyConfigError([`not YAML: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/**
 * Reads Calico's EarlyNetworkConfiguration, as YAML. A peering without an AS number is with the node's own.
 *
 * @throws EarlyConfigError with everything that is wrong.
 */
export function parseEarlyConfig(text: string): EarlyConfig {
  const reader = new Reader();
  const top = reader.object('the file', parseDocument(text), ['apiVersion', 'kind', 'metadata', 'spec']);
  if (top['kind'] !== 'EarlyNetworkConfiguration') reader.problem('kind', top['kind'], 'EarlyNetworkConfiguration');
  const spec = reader.object('spec', top['spec'], ['nodes', 'platform', 'legacy']);
  const nodes = reader.list('spec.nodes', spec['nodes'], 'nodes', (path, item) => readNode(reader, path, item));
  checkUnique(reader, nodes);
  const platform = spec['platform'] ?? '';
  const isOpenShift = typeof platform === 'string' && platform.toLowerCase() === 'openshift';
  if (!isOpenShift && platform !== '') reader.problem('spec.platform', platform, 'openshift, or absent');
  // The documentation's sample has another name for the first.
  const names = ['nodeIPFromDefaultRoute', 'nodeAddressIPDetection', 'unconditionalDefaultRouteProgramming'] as const;
  const legacy = reader.object('spec.legacy', spec['legacy'] ?? {}, names);
  const [isFromRoute = false, isDetected = false, forcesDefaultRoute = false] = names.map((name) =>
    reader.boolean(`spec.legacy.${name}`, legacy[name]),
  );
  if (reader.problems.length > 0) throw new EarlyConfigError(reader.problems);
  return {
    nodes: nodes.filter((node) => node !== undefined),
    isOpenShift,
    isNodeFromDefaultRoute: isFromRoute || isDetected,
    forcesDefaultRoute,
  };
}
