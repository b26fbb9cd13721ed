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
} from '@calico-node/datastore';
import type { NodeName } from '@calico-node/net';
import { ConfigError, nodePaths, sleep, type Logger } from '@calico-node/service';
import type { Variables } from './env-reader.ts';
import { readHostInterfaces } from './host-interfaces.ts';
import { determineNodeName } from './node-name.ts';
import { readNodenameFile, writeNodenameFile } from './nodename-file.ts';
import { ensureDefaults, registerNode } from './register.ts';
import { readStartupConfig, type StartupConfig } from './startup-config.ts';

const retryMs = 1_000;

export interface StartupInput {
  readonly env: Variables;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told, in words, what start-up waits for. */
  readonly onWait?: (reason: string) => void;
}

export interface StartupOutcome {
  readonly nodeName: NodeName;
  readonly config: StartupConfig;
}

function openStore(env: Variables, log: Logger, signal: AbortSignal): Backend {
  try {
    return connectDatastore(loadDatastoreConfig({ env }), { log, signal });
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
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatastoreError) || error.code !== 'unavailable') throw error;
      if (!config.waitForDatastore || signal.aborted) throw error;
      log.warn({ err: error }, 'the datastore does not answer; waiting for it');
      onWait?.(`datastore: ${error.message}`);
      await sleep(retryMs, signal);
    }
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
  const config = readStartupConfig(env);
  const { name, source } = determineNodeName(env, readNodenameFile(paths.nodenameFile), hostname());
  log.info({ nodeName: name, source }, 'starting up');
  const backend = openStore(env, log, signal);
  try {
    const resources = new Resources(backend);
    const interfaces = readHostInterfaces();
    const node = await whenStoreAnswers(
      () => registerNode({ name, config, env, resources, interfaces, log, signal }),
      config,
      input,
    );
    for (const dir of [paths.runDir, paths.libDir]) mkdirSync(dir, { recursive: true });
    const facts = {
      nodeName: name,
      interfaces,
      isIpv6Supported: existsSync('/proc/sys/net/ipv6'),
      random: randomBytes(5),
    };
    await whenStoreAnswers(() => ensureDefaults(config, facts, resources, log, signal), config, input);
    writeNodenameFile(paths.nodenameFile, name);
    log.info({ nodeName: name, ...node.spec.bgp }, 'the node is registered');
    return { nodeName: name, config };
  } finally {
    backend.close();
  }
}
