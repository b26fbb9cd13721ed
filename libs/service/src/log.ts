import { pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

export function isLogLevel(text: unknown): text is LogLevel {
  return logLevels.some((level) => level === text);
}

/** The loggers made from another one: each has a level of its own, which a change has to reach. */
const childrenOf = new WeakMap<Logger, Set<WeakRef<Logger>>>();

/**
 * One line of JSON per event on standard error, so that standard output stays a program's own.
 * Secrets are redacted by field name wherever they stand one or two levels deep. `also` gets every line too.
 */
export function createLogger(component: string, level: string, also?: (line: string) => void): Logger {
  const secrets = ['password', 'token', 'key', 'secret'];
  const children = new Set<WeakRef<Logger>>();
  const stderr = pino.destination({ dest: 2, sync: true });
  const both = (line: string): void => {
    stderr.write(line);
    also?.(line);
  };
  const log = pino(
    {
      level,
      base: { component, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secrets.flatMap((name) => [`*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
      onChild: (child) => {
        for (const known of children) if (known.deref() === undefined) children.delete(known);
        children.add(new WeakRef(child));
      },
    },
    also === undefined ? stderr : { write: both },
  );
  childrenOf.set(log, children);
  return log;
}

/** Sets the level of a logger that {@link createLogger} made, and of all that were made from it. */
export function setLogLevel(log: Logger, level: LogLevel): void {
  log.level = level;
  for (const child of childrenOf.get(log) ?? []) {
    const logger = child.deref();
    if (logger !== undefined) logger.level = level;
  }
}
