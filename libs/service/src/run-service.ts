import type { Server } from 'node:http';
import { parseArgs, type ParseArgsOptionDescriptor } from 'node:util';
import { Health } from './health.ts';
import { parseListenAddress, serveHealth } from './http.ts';
import { followLogLevel } from './live-level.ts';
import { createLogger, isLogLevel, logLevels, type Logger } from './log.ts';
import { Metrics } from './metrics.ts';
import { VERSION } from './version.ts';

/** Configuration that the operator has to mend: printed without a stack, exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What keeps a run for one result from its end, as its user is told: printed without a stack, exit code 1. */
export class RunError extends Error {
  override readonly name = 'RunError';
}

interface Option extends ParseArgsOptionDescriptor {
  /** One line for `--help`. */
  readonly help: string;
  /** How the value is called in `--help`. */
  readonly value?: string;
  /** The environment variable that gives the value when the flag is absent. */
  readonly env?: string;
  /**
   * A flag for a run with one result: health is not served unless an address is given, since the daemon may run beside.
   */
  readonly isOneTime?: true;
}

export interface ServiceContext {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Fires on SIGTERM or SIGINT: let go of everything and return. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A string option's value: the flag's, else its environment variable's, else its default. */
  option(name: string): string | undefined;
  /** A boolean option's value. */
  flag(name: string): boolean;
  readonly positionals: readonly string[];
}

export interface ServiceSpec {
  /** The program's name, also the log's component. */
  readonly name: string;
  /** One sentence for `--help`. */
  readonly description: string;
  readonly options?: Readonly<Record<string, Option>>;
  /** Where `/liveness`, `/readiness` and `/metrics` are served by default; `off` for nowhere. */
  readonly healthAddress: string;
  readonly allowPositionals?: boolean;
  /** The work. Returns when the signal has fired, or earlier when it is done. */
  run(context: ServiceContext): Promise<void>;
}

const commonOptions: Readonly<Record<string, Option>> = {
  help: { type: 'boolean', short: 'h', help: 'print this and exit' },
  version: { type: 'boolean', short: 'v', help: 'print the version and exit' },
  'log-level': {
    type: 'string',
    value: 'LEVEL',
    env: 'CALICO_LOG_LEVEL',
    default: 'info',
    help: 'trace, debug, info, warn, error or fatal; SIGUSR2 changes to debug and back',
  },
};

function usage(spec: ServiceSpec, options: Readonly<Record<string, Option>>): string {
  const rows = Object.entries(options).map(([name, option]) => {
    const value = option.type === 'string' ? ` ${option.value ?? 'VALUE'}` : '';
    const notes = [
      option.env === undefined ? undefined : `env ${option.env}`,
      option.default === undefined ? undefined : `default ${String(option.default)}`,
    ].filter((note) => note !== undefined);
    return { left: `  --${name}${value}`, right: option.help + (notes.length > 0 ? ` (${notes.join(', ')})` : '') };
  });
  const width = Math.max(...rows.map((row) => row.left.length)) + 2;
  const lines = rows.map((row) => row.left.padEnd(width) + row.right);
  return `${spec.name}: ${spec.description}\n\nUsage: ${spec.name} [options]\n\n${lines.join('\n')}\n`;
}

/**
 * Runs a daemon: flags and environment, log, signals, health and metrics, exit code.
 * Exit codes: 0 done or stopped by a signal, 1 failed, 2 wrong flags or configuration.
 */
export async function runService(spec: ServiceSpec, argv = process.argv.slice(2)): Promise<void> {
  const options: Record<string, Option> = {
    ...spec.options,
    'health-address': {
      type: 'string',
      value: 'HOST:PORT',
      env: 'CALICO_HEALTH_ADDRESS',
      default: spec.healthAddress,
      help: 'where to serve /liveness, /readiness and /metrics; off for nowhere',
    },
    ...commonOptions,
  };
  process.exitCode = await main(spec, options, argv);
}

async function main(spec: ServiceSpec, options: Record<string, Option>, argv: readonly string[]): Promise<number> {
  let parsed;
  try {
    const flags = Object.fromEntries(
      Object.entries(options).map(([name, { type, short, multiple }]) => [
        name,
        { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
      ]),
    );
    parsed = parseArgs({ args: [...argv], options: flags, allowPositionals: spec.allowPositionals ?? false });
  } catch (error) {
    process.stderr.write(`${spec.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.stderr.write(`Try '${spec.name} --help'.\n`);
    return 2;
  }
  const values = parsed.values;
  if (values['help'] === true) {
    process.stdout.write(usage(spec, options));
    return 0;
  }
  if (values['version'] === true) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const option = (name: string, fallback = options[name]?.default): string | undefined => {
    const env = options[name]?.env;
    const given = values[name] ?? (env === undefined ? undefined : process.env[env]) ?? fallback;
    return typeof given === 'string' && given !== '' ? given : undefined;
  };
  const level = option('log-level') ?? 'info';
  if (!isLogLevel(level)) {
    process.stderr.write(`${spec.name}: log level '${level}' is not one of ${logLevels.join(', ')}\n`);
    return 2;
  }
  const log = createLogger(spec.name, level);
  using _levels = followLogLevel(log, level);
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'stopping');
    abort.abort();
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const metrics = new Metrics();
  metrics.collectProcess();
  const health = new Health();
  let server: Server | undefined;
  try {
    const isOneTime = Object.entries(options).some(([name, each]) => each.isOneTime === true && values[name] === true);
    const address = option('health-address', isOneTime ? 'off' : spec.healthAddress) ?? 'off';
    if (address !== 'off') {
      const listen = parseListenAddress(address);
      if (listen === undefined) throw new ConfigError(`health address '${address}' is not HOST:PORT or off`);
      server = await serveHealth(listen, health, metrics).catch((error: unknown) => {
        log.warn({ err: error, address }, 'health and metrics are not served');
        return undefined;
      });
    }
    await spec.run({
      log,
      metrics,
      health,
      signal: abort.signal,
      env: process.env,
      option,
      flag: (name) => values[name] === true,
      positionals: parsed.positionals,
    });
    return 0;
  } catch (error) {
    if (error instanceof ConfigError || error instanceof RunError) {
      process.stderr.write(`${spec.name}: ${error.message}\n`);
      return error instanceof ConfigError ? 2 : 1;
    }
    if (abort.signal.aborted) return 0;
    log.fatal({ err: error }, 'failed');
    return 1;
  } finally {
    // A client that keeps its connection open must not keep the process.
    server?.closeAllConnections();
    process.removeListener('SIGTERM', stop).removeListener('SIGINT', stop);
    log.flush();
  }
}
