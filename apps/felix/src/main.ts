import { existsSync, readFileSync } from 'node:fs';
import { hostname as osHostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { loadDatastoreConfig } from '@calico-node/datastore';
import { parseNodeName } from '@calico-node/net';
import {
  ConfigError,
  logLevelOn,
  nodePaths,
  runService,
  setLogLevel,
  type LogLevel,
  type ServiceContext,
} from '@calico-node/service';
import type { ConfigUpdate } from './calc/intents.ts';
import { fromBgpBackend } from './config/bgp-backend.ts';
import { datastoreEnvironment } from './config/datastore-environment.ts';
import { logLevelOf, syslogLevelOf } from './config/log-level.ts';
import { resolveParameters, startingValues, type ConfigProblem, type Resolved } from './config/resolve.ts';
import { fromCluster, fromEnvironment, fromFile, fromResource, type Source } from './config/sources.ts';
import { logMetrics } from './log-metrics.ts';
import { openForDebugging } from './status/debugger.ts';
import { serveAsConfigured } from './status/listeners.ts';
import { logToFile } from './status/log-file.ts';
import { logToSyslog } from './status/syslog.ts';
import { runFelix } from './wire.ts';

const defaultConfigFile = '/etc/calico/felix.cfg';

/** A configuration file that is named must be there; the default one need not. */
function readConfigFile(path: string | undefined): Source {
  const name = path ?? defaultConfigFile;
  if (path === undefined && !existsSync(name)) return { name, values: new Map() };
  let content: string;
  try {
    content = readFileSync(name, 'utf8');
  } catch (error) {
    throw new ConfigError(`cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return fromFile(name, content);
}

function textOf({ parameter, source, value, message }: ConfigProblem): string {
  return `${parameter} is '${value}' in ${source}: ${message}`;
}

/** @throws ConfigError with all that is malformed, also what Felix would go on without. */
function check(local: readonly Source[]): void {
  const { problems } = resolveParameters(local);
  if (problems.length > 0) throw new ConfigError(problems.map(textOf).join('\n  '));
}

function resolve(context: ServiceContext, local: readonly Source[], update?: ConfigUpdate): Resolved {
  const stored = [update?.node, ...(update?.selected ?? []), update?.global];
  const resolved = resolveParameters([
    ...local,
    ...stored.map((resource) => fromResource(resource)),
    fromCluster(update?.clusterInformation),
    fromBgpBackend(context.env),
  ]);
  for (const problem of resolved.problems) {
    const { parameter, source, value } = problem;
    const text = textOf(problem);
    if (problem.fatal) throw new ConfigError(text);
    context.log.warn({ parameter, source, value }, text);
  }
  return resolved;
}

/** Tells once of each setting that has no effect. */
function tellIdle({ log }: ServiceContext): (config: Resolved) => void {
  const told = new Set<string>();
  return ({ idle }) => {
    for (const { name, source, reason } of idle) {
      const text = `${name} in ${source} has no effect: ${reason}`;
      if (!told.has(text)) log.warn({ parameter: name, source }, text);
      told.add(text);
    }
  };
}

/**
 * Sets the level that the configuration asks for, each time that it asks for another. `--log-level` and CALICO_LOG_LEVEL
 * say how it starts; the resource that every cluster has, with its default level, does not change that.
 */
function followLevel({ log, env }: ServiceContext): (config: Resolved) => void {
  let last: LogLevel | undefined = (env['CALICO_LOG_LEVEL'] ?? '') === '' ? undefined : 'info';
  return (config) => {
    const next = logLevelOf(config);
    if (next === undefined || next === last) return;
    last = next;
    if (logLevelOn(log) !== next) {
      log.info({ logLevel: next }, 'log level changes');
      setLogLevel(log, next);
    }
  };
}

async function run(context: ServiceContext): Promise<void> {
  const followers = [followLevel(context), tellIdle(context)];
  const follow = (config: Resolved): void => {
    for (const each of followers) each(config);
  };
  const local = [fromEnvironment(context.env), readConfigFile(context.option('config-file'))];
  if (context.flag('check')) {
    check(local);
    return;
  }
  const paths = nodePaths(context.env);
  // The datastore's part of the configuration comes with the first snapshot: start with what is here, and if that is
  // another configuration, once more.
  let config = resolve(context, local);
  const datastore = loadDatastoreConfig({ env: datastoreEnvironment(context.env, config) });
  follow(config);
  using losses = logMetrics(context.metrics.registry);
  for (;;) {
    const current = config;
    let latest = current;
    const { FelixHostname } = current.values;
    const hostname = parseNodeName(
      context.option('node-name') ??
        (FelixHostname === '' ? (context.env['NODENAME'] ?? osHostname().toLowerCase()) : FelixHostname),
    );
    using _file = logToFile(context.log, current, losses);
    const waits = current.values.DebugDisableLogDropping;
    using _syslog = logToSyslog(context.log, syslogLevelOf(current), { waits, losses });
    using _debugger = await openForDebugging(current.values, context.log);
    await using _listeners = await serveAsConfigured(context, current.values);
    // What an earlier round had is told of no more; this one registers its own at once.
    context.health.clear();
    const outcome = await runFelix(context, {
      hostname,
      datastore,
      config: current,
      latest: () => latest.values,
      paths,
      socketPath: context.option('socket') ?? paths.felixSocket,
      needsRestart: (update) => {
        const next = resolve(context, local, update);
        follow(next);
        latest = next;
        if (isDeepStrictEqual(startingValues(next.values), startingValues(current.values))) return false;
        config = next;
        return true;
      },
    });
    if (outcome === 'stopped') return;
    context.log.info('the configuration changed; starting over');
  }
}

await runService({
  name: 'felix',
  description: 'programs routes and policy of the workloads on this host into the kernel',
  healthAddress: '127.0.0.1:9099',
  options: {
    'node-name': { type: 'string', value: 'NAME', env: 'FELIX_FELIXHOSTNAME', help: 'which node this is' },
    'config-file': {
      type: 'string',
      value: 'FILE',
      help: `parameters as Key = value lines (default ${defaultConfigFile})`,
    },
    check: {
      type: 'boolean',
      isOneTime: true,
      help: 'only say what is malformed in the environment and the file; exit code 2 if anything',
    },
    socket: { type: 'string', value: 'PATH', help: 'where to serve gRPC (default felix.sock in CALICO_RUN_DIR)' },
  },
  run,
});
