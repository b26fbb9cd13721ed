#!/usr/bin/env node
import { mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { connectDatastore, loadDatastoreConfig, Resources } from '@calico-node/datastore';
import { Ipam } from '@calico-node/ipam';
import { ConfigError, nodePaths, runService, VERSION, type ServiceContext } from '@calico-node/service';
import { parseMode, usage, UsageError, type Mode, type Probe } from './arguments.ts';
import { fetchNodeStatus, probeBgpLive, probeBgpReady, probeFelix, type Verdict } from './probes/probes.ts';
import { renderStatus } from './probes/show-status.ts';
import { EarlyNetworking } from './early/early-networking.ts';
import { readEarlySetup } from './early/early-file.ts';
import { initHostPaths } from './hostpath-init.ts';
import { aborted, runNode } from './run-node.ts';
import { runProgram } from './run-program.ts';
import { completeStartup } from './services/complete-startup.ts';
import { runServices, type ServiceFacts } from './services/run-services.ts';
import { kubernetesOf, shutdownFile, shutDown } from './services/shutdown.ts';
import { reconcileTunnels } from './services/tunnels/tunnel-addresses.ts';
import { checkFelixVariables } from './startup/check-felix.ts';
import { determineNodeName } from './startup/node-name.ts';
import { runStartup } from './startup/run-startup.ts';
import { readStartupConfig } from './startup/startup-config.ts';
import { reapWhenTold } from './supervisor/reaper.ts';
import { nodeComponent } from './supervisor/node-components.ts';

const description = 'start-up and supervision of the processes of one node';

function runProbe(probe: Probe, thresholdSeconds: number): Promise<Verdict> {
  const paths = nodePaths(process.env);
  switch (probe) {
    case 'felix-ready':
      return probeFelix(process.env, 'readiness');
    case 'felix-live':
      return probeFelix(process.env, 'liveness');
    case 'bird-ready':
      return probeBgpReady(paths, process.env, 4, thresholdSeconds);
    case 'bird6-ready':
      return probeBgpReady(paths, process.env, 6, thresholdSeconds);
    case 'bird-live':
      return probeBgpLive(paths, process.env, 4);
    case 'bird6-live':
      return probeBgpLive(paths, process.env, 6);
  }
}

async function probeAll(mode: Extract<Mode, { kind: 'probe' }>): Promise<number> {
  const verdicts = await Promise.all(mode.probes.map((probe) => runProbe(probe, mode.thresholdSeconds)));
  const wrong = verdicts.filter((verdict) => verdict !== undefined);
  if (wrong.length === 0) return 0;
  process.stdout.write(`calico/node is not ready: ${wrong.join('; ')}\n`);
  return 1;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function runOne(program: string, rest: readonly string[]): Promise<number> {
  const paths = nodePaths(process.env);
  const { name } = determineNodeName(process.env, readOptional(paths.nodenameFile), hostname());
  mkdirSync(paths.runDir, { recursive: true });
  const spec = nodeComponent(program, {
    ownFile: import.meta.filename,
    nodeBinary: process.execPath,
    nodeName: name,
    env: process.env,
  });
  if (spec === undefined) throw new UsageError(`there is no program '${program}'`);
  return runProgram(spec, rest);
}

/** Something done once, or a service, with calico-node's log and signals; it serves no health. */
async function runHere(rest: readonly string[], work: (context: ServiceContext) => Promise<void>): Promise<undefined> {
  await runService({ name: 'calico-node', description, healthAddress: 'off', run: work }, [...rest]);
  return undefined;
}

/** What a part of the node that runs alone has to know. */
function factsOf({ env }: ServiceContext): ServiceFacts {
  const { name } = determineNodeName(env, readOptional(nodePaths(env).nodenameFile), hostname());
  return { nodeName: name, config: readStartupConfig(env) };
}

async function allocateOnce(context: ServiceContext): Promise<void> {
  const { env, log, signal } = context;
  const { nodeName, config } = factsOf(context);
  if (config.usesPodCidr) return;
  const backend = connectDatastore(loadDatastoreConfig({ env }), { log, signal });
  try {
    await reconcileTunnels({ nodeName, resources: new Resources(backend), ipam: new Ipam(backend), log, signal });
  } finally {
    backend.close();
  }
}

async function completeAlone(context: ServiceContext): Promise<void> {
  const { env, log, signal } = context;
  const { nodeName, config } = factsOf(context);
  const blocker = async (): Promise<string | undefined> => {
    try {
      const { ready, causes } = await fetchNodeStatus(nodePaths(env));
      return ready ? undefined : causes.join('; ');
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  const kubernetes = config.backend === 'none' ? undefined : kubernetesOf(env, nodeName);
  if (!(await completeStartup({ blocker, shutdownFile: shutdownFile(env), kubernetes, log, signal }))) {
    throw new ConfigError('the node did not become ready');
  }
}

async function runEarly({ env, log, signal, health }: ServiceContext): Promise<void> {
  readStartupConfig(env);
  const setup = readEarlySetup(env);
  if (setup === undefined) throw new ConfigError('CALICO_EARLY_NETWORKING is not set: must be an absolute path');
  const ownFile = import.meta.filename;
  const reporter = health.register('early-networking');
  const early = await EarlyNetworking.start({
    setup,
    env,
    log,
    ownFile,
    name: 'early-only',
    startsOwn: false,
    reporter,
  });
  using _reaper = reapWhenTold(() => early.pids());
  await aborted(signal);
  await early.stop();
}

async function run(mode: Mode): Promise<number | undefined> {
  switch (mode.kind) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case 'probe':
      return probeAll(mode);
    case 'show-status': {
      const status = await fetchNodeStatus(nodePaths(process.env));
      process.stdout.write(renderStatus(status));
      return status.ready ? 0 : 1;
    }
    case 'init':
      process.stdout.write('calico-node needs nothing mounted: it uses no BPF file system\n');
      return 0;
    case 'hostpath-init':
      for (const path of initHostPaths(process.env)) process.stdout.write(`${path}\n`);
      return 0;
    case 'shutdown':
      return runHere(mode.rest, (context) => shutDown({ ...context, nodeName: factsOf(context).nodeName }));
    case 'complete-startup':
      return runHere(mode.rest, completeAlone);
    case 'service':
      return runHere(mode.rest, async (context) => {
        const running = runServices(context, factsOf(context), [mode.service]);
        context.log.info({ service: mode.service }, 'running');
        await running;
      });
    case 'allocate-once':
      return runHere(mode.rest, allocateOnce);
    case 'program':
      return runOne(mode.program, mode.rest);
    case 'startup':
      return runHere(mode.rest, async ({ env, log, signal }) => {
        await checkFelixVariables(env, import.meta.filename, signal);
        await runStartup({ env, log, signal });
      });
    case 'early':
      return runHere(mode.rest, runEarly);
    case 'all':
      await runService(
        {
          name: 'calico-node',
          description,
          healthAddress: '127.0.0.1:9190',
          run: (context) => runNode(context, import.meta.filename),
        },
        [...mode.rest],
      );
      return undefined;
  }
}

try {
  const code = await run(parseMode(process.argv.slice(2)));
  if (code !== undefined) process.exitCode = code;
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof ConfigError;
  process.stderr.write(`calico-node: ${error instanceof Error ? error.message : String(error)}\n`);
  if (isUsage) process.stderr.write("Try 'calico-node --help'.\n");
  process.exitCode = isUsage ? 2 : 1;
}
