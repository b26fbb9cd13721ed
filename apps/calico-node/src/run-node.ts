import { mkdirSync, realpathSync } from 'node:fs';
import { nodeV1, serveUnix } from '@calico-node/rpc';
import { ConfigError, nodePaths, settleHeap, setLogLevel, type ServiceContext } from '@calico-node/service';
import { EarlyNetworking } from './early/early-networking.ts';
import { readEarlySetup, type EarlySetup } from './early/early-file.ts';
import { completeStartup } from './services/complete-startup.ts';
import { runServices } from './services/run-services.ts';
import { kubernetesOf, shutdownFile } from './services/shutdown.ts';
import { checkFelixVariables } from './startup/check-felix.ts';
import { readStartupConfig } from './startup/startup-config.ts';
import { datastoreConfigOf, runStartup } from './startup/run-startup.ts';
import { renderCause } from './supervisor/component.ts';
import { nodeComponents } from './supervisor/node-components.ts';
import { nodeService } from './supervisor/node-service.ts';
import { endOrphans } from './supervisor/orphans.ts';
import { registerProcessMetrics } from './supervisor/process-metrics.ts';
import { reapWhenTold } from './supervisor/reaper.ts';
import { Supervisor } from './supervisor/supervisor.ts';

/** The processes whose trouble may come from a wrong address of the node. */
const bgpNames = ['bgp-daemon', 'confd', 'bird', 'bird6'];

/** Those that take over from the early speaker. */
const speakers = ['bgp-daemon', 'bird'];

/** Resolves when the signal fires, at once when it has. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

/** Runs a whole node until the signal fires: start-up, then the processes. `ownFile` tells where they lie. */
export async function runNode(context: ServiceContext, ownFile: string): Promise<void> {
  const { env, log, health } = context;
  // A node goes on when whoever read its log has gone.
  process.stderr.on('error', () => undefined);
  const paths = nodePaths(env);
  mkdirSync(paths.runDir, { recursive: true });
  const runDir = realpathSync(paths.runDir);
  // All that can be wrong is looked at before the host is touched.
  readStartupConfig(env);
  datastoreConfigOf(env);
  await checkFelixVariables(env, ownFile, context.signal);
  const setup = readEarlySetup(env);
  let supervisor: Supervisor | undefined;
  const isOwnSpeakerReady = (): boolean =>
    supervisor?.statuses().some(({ name, ready }) => speakers.includes(name) && ready) ?? false;
  const early =
    setup &&
    (await EarlyNetworking.start({
      ...{ setup, env, log, ownFile, name: 'early', startsOwn: true, isOwnSpeakerReady },
      reporter: health.register('early-networking'),
    }));
  try {
    await runWithin(context, {
      ownFile,
      runDir,
      setup,
      early,
      onSupervisor: (one) => {
        supervisor = one;
      },
    });
  } finally {
    await early?.stop();
  }
}

interface Around {
  readonly ownFile: string;
  readonly runDir: string;
  readonly setup: EarlySetup | undefined;
  readonly early: EarlyNetworking | undefined;
  readonly onSupervisor: (supervisor: Supervisor) => void;
}

/** Start-up and the processes, once the host has its network. */
async function runWithin(
  context: ServiceContext,
  { ownFile, runDir, setup, early, onSupervisor }: Around,
): Promise<void> {
  const { env, log, signal, health, metrics } = context;
  const paths = nodePaths(env);
  const startup = health.register('startup');
  startup.report({ ready: false, reason: 'registering the node in the datastore' });
  const { nodeName, config, addressStory } = await runStartup({
    env,
    log,
    signal,
    early: setup?.node,
    onWait: (reason) => {
      startup.report({
        ready: false,
        reason: [reason, early?.trouble].filter((part) => part !== undefined).join(' <- '),
      });
    },
  });
  startup.report({ ready: true });
  if (signal.aborted) return;

  const components = nodeComponents(config.backend, {
    ownFile,
    nodeBinary: process.execPath,
    runDir,
    nodeName,
    env,
  });
  const reporters = new Map(components.map(({ name }) => [name, health.register(name)]));
  const report = (): void => {
    const causes = new Map(supervisor.causes().map((cause) => [cause.name, cause]));
    for (const { name, phase, ready } of supervisor.statuses()) {
      const { chain, remedy } = causes.get(name) ?? { chain: '', remedy: undefined };
      // What cannot stay up may need what only a restart of everything gives.
      reporters.get(name)?.report({ ready, live: phase !== 'crash-loop', reason: chain, remedy });
    }
  };
  const supervisor: Supervisor = new Supervisor({
    components,
    log,
    onLine: (json) => process.stderr.write(`${json}\n`),
    onChange: report,
    background: (name) => (bgpNames.includes(name) ? addressStory : undefined),
  });
  onSupervisor(supervisor);
  registerProcessMetrics(metrics.registry, () => supervisor.statuses());
  const service = nodeService({
    nodeName,
    backend: config.backend,
    supervisor,
    setOwnLevel: (level) => {
      setLogLevel(log, level);
    },
  });
  // Serving comes first: it is also what tells a second supervisor of the same node to stay away.
  const server = await serveUnix(paths.nodeSocket, [[nodeV1.NodeServiceService, service]]).catch((error: unknown) => {
    throw new ConfigError(`another calico-node runs with CALICO_RUN_DIR=${runDir}`, { cause: error });
  });
  using _reaper = reapWhenTold(() => new Set([...supervisor.pids(), ...(early?.pids() ?? [])]));
  const services = new AbortController();
  try {
    const ended = await endOrphans(runDir);
    if (ended.length > 0) log.warn({ pids: ended }, 'ended the processes that an earlier calico-node left');
    supervisor.start();
    log.info(
      { nodeName, backend: config.backend, processes: components.map(({ name }) => name) },
      'Calico node started successfully',
    );
    const running = Promise.all([
      runServices({ ...context, signal: services.signal }, { nodeName, config }),
      completeStartup({
        blocker: () => Promise.resolve(supervisor.causes().map(renderCause).join('; ') || undefined),
        shutdownFile: shutdownFile(env),
        kubernetes: config.backend === 'none' ? undefined : kubernetesOf(env, nodeName),
        log,
        signal: services.signal,
      }).then(() => {
        settleHeap(services.signal);
      }),
    ]);
    await aborted(signal);
    services.abort();
    await running;
  } finally {
    services.abort();
    await supervisor.stop();
    await server.close();
  }
}
