import { mkdirSync, realpathSync } from 'node:fs';
import { nodeV1, serveUnix } from '@calico-node/rpc';
import { ConfigError, nodePaths, type ServiceContext } from '@calico-node/service';
import { runStartup } from './startup/run-startup.ts';
import { nodeComponents } from './supervisor/node-components.ts';
import { nodeService } from './supervisor/node-service.ts';
import { endOrphans } from './supervisor/orphans.ts';
import { Supervisor } from './supervisor/supervisor.ts';

/** Resolves when the signal fires, at once when it has. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

/** Runs a whole node until the signal fires: start-up, then the processes. `ownFile` tells where they lie. */
export async function runNode(context: ServiceContext, ownFile: string): Promise<void> {
  const { env, log, signal, health } = context;
  // A node goes on when whoever read its log has gone.
  process.stderr.on('error', () => undefined);
  const paths = nodePaths(env);
  mkdirSync(paths.runDir, { recursive: true });
  const runDir = realpathSync(paths.runDir);
  const startup = health.register('startup');
  startup.report({ ready: false, reason: 'registering the node in the datastore' });
  const { nodeName, config } = await runStartup({
    env,
    log,
    signal,
    onWait: (reason) => {
      startup.report({ ready: false, reason });
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
  const supervisor = new Supervisor({
    components,
    log,
    onLine: (json) => process.stderr.write(`${json}\n`),
    onChange: (status) => {
      reporters.get(status.name)?.report({ ready: status.ready, reason: status.reason });
    },
  });
  const service = nodeService({
    nodeName,
    backend: config.backend,
    supervisor,
    setOwnLevel: (level) => {
      log.level = level;
    },
  });
  // Serving comes first: it is also what tells a second supervisor of the same node to stay away.
  const server = await serveUnix(paths.nodeSocket, [[nodeV1.NodeServiceService, service]]).catch((error: unknown) => {
    throw new ConfigError(`another calico-node runs with CALICO_RUN_DIR=${runDir}`, { cause: error });
  });
  try {
    const ended = await endOrphans(runDir);
    if (ended.length > 0) log.warn({ pids: ended }, 'ended the processes that an earlier calico-node left');
    supervisor.start();
    log.info(
      { nodeName, backend: config.backend, processes: components.map(({ name }) => name) },
      'Calico node started successfully',
    );
    await aborted(signal);
  } finally {
    await supervisor.stop();
    await server.close();
  }
}
