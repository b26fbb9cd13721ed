import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  connectDatastore,
  DatastoreError,
  isDatastoreError,
  loadDatastoreConfig,
  Resources,
  type Backend,
  type DatastoreConfig,
} from '@calico-node/datastore';
import type { Node } from '@calico-node/model';
import type { NodeName } from '@calico-node/net';
import { Ipam } from '@calico-node/ipam';
import { ConfigError, nodePaths, logLevels, setLogLevel, sleep, type Logger } from '@calico-node/service';
import type { EarlyNode } from '../early/early-config.ts';
import { readEarlySetup } from '../early/early-file.ts';
import { KubernetesApi } from '../kubernetes/api.ts';
import { clusterFacts, noClusterFacts, type ClusterFacts } from '../kubernetes/cluster-facts.ts';
import { reconcileTunnels } from '../services/tunnels/tunnel-addresses.ts';
import { candidateInterfaces, describeInterfaces, passedOver, type HostInterface } from './autodetect.ts';
import type { Variables } from './env-reader.ts';
import { readHostInterfaces } from './host-interfaces.ts';
import { determineNodeName } from './node-name.ts';
import { readNodenameFile, writeNodenameFile } from './nodename-file.ts';
import { ensureDefaults, registerNode } from './register.ts';
import { readStartupConfig, withEarlyNode, type StartupConfig } from './startup-config.ts';

const retryMs = 1_000;

export interface StartupInput {
  readonly env: Variables;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** What CALICO_EARLY_NETWORKING says of this node, when that was read already. */
  readonly early?: EarlyNode | undefined;
  /** Told, in words, what start-up waits for. */
  readonly onWait?: (reason: string) => void;
  /** For tests: where the pod's credentials lie. */
  readonly serviceAccountDir?: string;
}

export interface StartupOutcome {
  readonly nodeName: NodeName;
  readonly config: StartupConfig;
  /** Which addresses the node has, and what else it could have taken: behind trouble with its neighbours. */
  readonly addressStory: string;
}

/** What the operator has to know to see whether the node's address is the right one. */
function storyOf(node: Node, config: StartupConfig, interfaces: readonly HostInterface[]): string {
  const { ipv4Address, ipv6Address } = node.spec.bgp ?? {};
  const families = [
    ['IP', ipv4Address, config.ipv4, config.ipv4Method] as const,
    ['IP6', ipv6Address, config.ipv6, config.ipv6Method] as const,
  ];
  const parts = families.flatMap(([name, address, setting, method]) => {
    if (address === undefined) return [];
    const holder = interfaces.find((one) => one.addresses.some(({ ip }) => ip === address.split('/')[0]))?.name;
    const how = setting.kind === 'autodetect' || setting.kind === 'unset' ? `${name}: ${method.kind} or stored` : name;
    return [`the node is ${address} on ${holder ?? 'no interface'} (${how})`];
  });
  const candidates = describeInterfaces(candidateInterfaces(interfaces));
  const others = passedOver(interfaces, ipv6Address === undefined ? [4] : [4, 6]);
  return [...parts, `candidates ${candidates === '' ? 'none' : candidates}`, others]
    .filter((part) => part !== undefined)
    .join(' <- ');
}

/** Where the store is. @throws ConfigError for variables of it that are wrong. */
export function datastoreConfigOf(env: Variables): DatastoreConfig {
  try {
    return loadDatastoreConfig({ env });
  } catch (error) {
    if (isDatastoreError(error, 'config')) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

/**
 * Repeats `work` while the datastore does not answer, if the environment says that start-up shall wait for it
 * (WAIT_FOR_DATASTORE); otherwise the first failure ends start-up. Everything in `work` may be repeated.
 */
async function whenStoreAnswers<T>(
  work: () => Promise<T>,
  config: StartupConfig,
  { log, signal, onWait }: StartupInput,
): Promise<T> {
  let told = '';
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatastoreError) || error.code !== 'unavailable') throw error;
      if (!config.waitForDatastore || signal.aborted) throw error;
      if (error.message !== told) log.warn({ reason: error.message }, 'the datastore does not answer; waiting for it');
      told = error.message;
      onWait?.(`datastore: ${error.message}`);
      await sleep(retryMs, signal);
    }
  }
}

/** A cluster whose API does not answer now is one of which nothing is known. */
async function factsOf(api: KubernetesApi | undefined, { log, signal }: StartupInput): Promise<ClusterFacts> {
  if (api === undefined) return noClusterFacts;
  try {
    return await clusterFacts(api, signal);
  } catch (error) {
    log.warn({ err: error }, 'cannot read how the Kubernetes cluster was made');
    return noClusterFacts;
  }
}

/** Once before anything runs, so that Felix finds the addresses. What fails here is tried again later. */
async function allocateTunnels(
  input: StartupInput,
  config: StartupConfig,
  backend: Backend,
  nodeName: NodeName,
): Promise<void> {
  const { log, signal } = input;
  const context = { nodeName, resources: new Resources(backend), ipam: new Ipam(backend), log, signal };
  try {
    await whenStoreAnswers(() => reconcileTunnels(context), config, input);
  } catch (error) {
    log.error({ err: error }, 'no tunnel address yet; tried again');
  }
}

/**
 * What calico/node does before anything runs: name, addresses and AS number of the node, its Node resource,
 * the default pools and the cluster's defaults, the node name file. The environment is checked whole before
 * anything is changed; repeating it changes nothing.
 *
 * @throws ConfigError for what the operator has to mend; DatastoreError.
 */
export async function runStartup(input: StartupInput): Promise<StartupOutcome> {
  const { env, log, signal } = input;
  const paths = nodePaths(env);
  const config = withEarlyNode(readStartupConfig(env), input.early ?? readEarlySetup(env)?.node);
  const kubernetes = KubernetesApi.of(env, input.serviceAccountDir);
  const usualLevel = logLevels.find((level) => level === log.level);
  if (config.logLevel !== undefined) setLogLevel(log, config.logLevel);
  const { name, source } = determineNodeName(env, readNodenameFile(paths.nodenameFile), hostname());
  log.info({ nodeName: name, source }, 'starting up');
  const backend = connectDatastore(datastoreConfigOf(env), { log, signal });
  try {
    const resources = new Resources(backend);
    const interfaces = readHostInterfaces();
    const cluster = await factsOf(kubernetes, input);
    const node = await whenStoreAnswers(
      () => registerNode({ name, config, kubernetes, resources, interfaces, log, signal }),
      config,
      input,
    );
    for (const dir of [paths.runDir, paths.libDir]) mkdirSync(dir, { recursive: true });
    const facts = {
      nodeName: name,
      interfaces,
      isIpv6Supported: existsSync('/proc/sys/net/ipv6'),
      random: randomBytes(5),
      cluster,
    };
    await whenStoreAnswers(() => ensureDefaults(config, facts, resources, log, signal), config, input);
    writeNodenameFile(paths.nodenameFile, name);
    if (!config.usesPodCidr) await allocateTunnels(input, config, backend, name);
    log.info({ nodeName: name, ...node.spec.bgp }, 'the node is registered');
    return { nodeName: name, config, addressStory: storyOf(node, config, interfaces) };
  } finally {
    if (usualLevel !== undefined) setLogLevel(log, usualLevel);
    backend.close();
  }
}
