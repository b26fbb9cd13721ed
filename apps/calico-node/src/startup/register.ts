import { isDatastoreError, type Resources } from '@calico-node/datastore';
import { encodeResource, type Kind, type Node, type Resource } from '@calico-node/model';
import { cidrOf, familyOf, type Family, type NodeName } from '@calico-node/net';
import { ConfigError, type Logger } from '@calico-node/service';
import type { ClusterFacts } from '../kubernetes/cluster-facts.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { candidateInterfaces, findAddress, isGlobalUnicast, type Detection, type HostInterface } from './autodetect.ts';
import { decideAddress, needsDetection, type AddressQuestion } from './decide-address.ts';
import { defaultBgpConfiguration, desiredDefaultFelix, desiredNodeFelix } from './defaults.ts';
import { detectAddress } from './detect-address.ts';
import { missingDefaultPools } from './default-pools.ts';
import { desiredNode, findConflicts, storedAddress, type AddressDecision } from './node-resource.ts';
import type { PoolSetting, StartupConfig } from './startup-config.ts';

export interface Registration {
  readonly name: NodeName;
  readonly config: StartupConfig;
  /** undefined outside of Kubernetes. */
  readonly kubernetes: KubernetesApi | undefined;
  readonly resources: Resources;
  readonly interfaces: readonly HostInterface[];
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function findOne<K extends Kind>(
  resources: Resources,
  kind: K,
  name: string,
  signal: AbortSignal,
): Promise<Resource<K> | undefined> {
  try {
    return await resources.get(kind, name, undefined, { signal });
  } catch (error) {
    if (isDatastoreError(error, 'not-found')) return undefined;
    throw error;
  }
}

async function addressOf(
  registration: Registration,
  family: Family,
  stored: Node | undefined,
): Promise<AddressDecision> {
  const { config, kubernetes, interfaces, log, name, signal } = registration;
  // Without routing of our own the node needs no address.
  if (config.backend === 'none') return { kind: 'keep' };
  const [setting, method] = family === 4 ? [config.ipv4, config.ipv4Method] : [config.ipv6, config.ipv6Method];
  const question: AddressQuestion = { family, setting, hasStored: storedAddress(stored, family) !== undefined };
  let look: Detection | undefined;
  if (needsDetection(question)) {
    const nodeName = config.kubernetesNodeRef === '' ? name : config.kubernetesNodeRef;
    look = await detectAddress(method, family, { interfaces, kubernetes, nodeName, signal });
    if (look.found) {
      log.info(
        { family, method: method.kind, ip: look.address.ip, interface: look.interfaceName },
        'found the address',
      );
    } else {
      log.warn({ family, method: method.kind, reason: look.reason }, 'found no address');
    }
  } else if (setting.kind === 'address' && setting.prefixLength === undefined) {
    look = findAddress(interfaces, setting.ip);
  }
  return decideAddress(question, look);
}

/** The node's addresses by interface, of the families that the environment speaks of (IP, IP6). */
function interfacesOf({ config, interfaces }: Registration): Node['spec']['interfaces'] {
  const families = [...(config.ipv4.kind === 'unset' ? [] : [4]), ...(config.ipv6.kind === 'unset' ? [] : [6])];
  return candidateInterfaces(interfaces)
    .map(({ name, addresses }) => ({
      name,
      addresses: addresses.map(({ ip }) => ip).filter((ip) => families.includes(familyOf(ip)) && isGlobalUnicast(ip)),
    }))
    .filter(({ addresses }) => addresses.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function refuseConflicts(
  { resources, signal, log }: Registration,
  wanted: Node,
  stored: Node | undefined,
  detected: readonly Family[],
): Promise<void> {
  const { items } = await resources.list('Node', undefined, { signal });
  const [conflict] = findConflicts(wanted, items);
  if (conflict === undefined) return;
  const { family, ip, otherNode } = conflict;
  if (stored !== undefined && detected.includes(family) && storedAddress(stored, family) === ip) {
    // What was found by itself is taken back, so that the next start looks again.
    const { ipv4Address, ipv6Address, ...rest } = stored.spec.bgp ?? {};
    const kept = family === 4 ? { ...rest, ipv6Address } : { ...rest, ipv4Address };
    const bgp = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
    const { bgp: _old, ...spec } = stored.spec;
    await resources.update({ ...stored, spec: Object.keys(bgp).length === 0 ? spec : { ...spec, bgp } }, { signal });
    log.warn({ ip }, 'took the detected address back');
  }
  throw new ConfigError(
    `the address ${ip} of this node is already that of node ${otherNode}: two nodes cannot share one. ` +
      `Set IP${family === 4 ? '' : '6'} or the detection method, or DISABLE_NODE_IP_CHECK=true if it is meant`,
  );
}

/**
 * Creates the Node or brings it up to date; writes nothing when nothing changed.
 *
 * @throws ConfigError without an address, and when another node has it.
 */
export async function registerNode(registration: Registration): Promise<Node> {
  const { name, config, resources, signal } = registration;
  for (;;) {
    const stored = await findOne(resources, 'Node', name, signal);
    const ipv4 = await addressOf(registration, 4, stored);
    const ipv6 = await addressOf(registration, 6, stored);
    const base = desiredNode(stored, {
      name,
      ipv4,
      ipv6,
      asNumber: config.backend === 'none' ? undefined : config.asNumber,
      kubernetesNodeRef: config.kubernetesNodeRef,
      labels: config.nodeLabels,
    });
    const interfaces = interfacesOf(registration);
    const hasInterfaces = interfaces !== undefined && interfaces.length > 0;
    const wanted: Node = hasInterfaces ? { ...base, spec: { ...base.spec, interfaces } } : base;
    const hasAddress = ([4, 6] as const).some((family) => storedAddress(wanted, family) !== undefined);
    if (!hasAddress && config.backend !== 'none') {
      throw new ConfigError('IP: the node has no address: set IP or IP6 to an address or to autodetect');
    }
    if (config.checkConflicts) {
      const decisions = [[4, ipv4] as const, [6, ipv6] as const];
      const detected = decisions.flatMap(([family, one]) => (one.kind === 'set' && one.isDetected ? [family] : []));
      await refuseConflicts(registration, wanted, stored, detected);
    }
    try {
      if (stored === undefined) return await resources.create(wanted, { signal });
      return encodeResource(stored) === encodeResource(wanted) ? stored : await resources.update(wanted, { signal });
    } catch (error) {
      if (!isDatastoreError(error, 'conflict', 'already-exists', 'not-found')) throw error;
    }
  }
}

export interface DefaultsFacts {
  readonly nodeName: NodeName;
  readonly interfaces: readonly HostInterface[];
  readonly isIpv6Supported: boolean;
  readonly random: Uint8Array;
  readonly cluster: ClusterFacts;
}

/** Ignores that another node was quicker. */
async function tolerant(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isDatastoreError(error, 'already-exists', 'conflict')) throw error;
  }
}

async function store<K extends Kind>(
  resources: Resources,
  wanted: Resource<K> | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (wanted === undefined) return;
  const isNew = wanted.metadata.resourceVersion === undefined;
  await tolerant(isNew ? resources.create(wanted, { signal }) : resources.update(wanted, { signal }));
}

/** A pool without a network takes kubeadm's. */
function poolsOf({ pools }: StartupConfig, { podNetworks }: ClusterFacts): readonly PoolSetting[] {
  return pools.map((pool) => ({ ...pool, cidr: pool.cidr ?? podNetworks.get(pool.family) }));
}

/** Creates what every cluster has: pools, cluster information, tiers, configuration. Keeps what there is. */
export async function ensureDefaults(
  config: StartupConfig,
  facts: DefaultsFacts,
  resources: Resources,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { nodeName, interfaces } = facts;
  const { items: existing } = await resources.list('IPPool', undefined, { signal });
  const hostNetworks = interfaces.flatMap((one) =>
    one.addresses.map(({ ip, prefixLength }) => cidrOf(ip, prefixLength)),
  );
  for (const pool of missingDefaultPools(poolsOf(config, facts.cluster), { ...facts, existing, hostNetworks })) {
    try {
      await resources.create(pool, { signal });
      log.info({ pool: pool.metadata.name, cidr: pool.spec.cidr }, 'created a default pool');
    } catch (error) {
      // Another node creates the same pool now: whoever is second finds it there, or overlapping itself.
      if (!isDatastoreError(error, 'already-exists', 'validation')) throw error;
      const { items } = await resources.list('IPPool', undefined, { signal });
      if (!items.some((other) => other.metadata.name === pool.metadata.name)) throw error;
    }
  }
  const clusterType = [config.clusterType, ...facts.cluster.types].filter((one) => one !== '').join(',');
  await resources.ensureInitialized(clusterType === '' ? {} : { clusterType }, { signal });
  const nodeFelix = `node.${nodeName}`;
  const [felix, ofNode, bgp] = await Promise.all([
    findOne(resources, 'FelixConfiguration', 'default', signal),
    findOne(resources, 'FelixConfiguration', nodeFelix, signal),
    findOne(resources, 'BGPConfiguration', 'default', signal),
  ]);
  await store(resources, desiredDefaultFelix(felix), signal);
  await store(resources, desiredNodeFelix(nodeName, ofNode), signal);
  if (bgp === undefined) await store(resources, defaultBgpConfiguration, signal);
}
