import { pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

export function isLogLevel(text: unknown): text is LogLevel {
  return logLevels.some((level) => level === text);
}

/** Takes the lines of a level and above, beside standard error. */
interface Copy {
  readonly level: LogLevel;
  readonly write: (line: string, level: LogLevel) => void;
}

/** What belongs to a logger that {@link createLogger} made. */
interface Family {
  /** The loggers made from it: each has a level of its own, which a change has to reach. */
  readonly children: Set<WeakRef<Logger>>;
  /** Of standard error. */
  level: string;
  readonly copies: Set<Copy>;
}

const families = new WeakMap<Logger, Family>();

/**
 * One line of JSON per event on standard error, so that standard output stays a program's own.
 * Secrets are redacted by field name wherever they stand one or two levels deep. `also` gets every line too.
 */
export function createLogger(component: string, level: string, also?: (line: string) => void): Logger {
  const secrets = ['password', 'token', 'key', 'secret'];
  const family: Family = { children: new Set(), level, copies: new Set() };
  const stderr = pino.destination({ dest: 2, sync: true });
  const write = (line: string): void => {
    const level = family.copies.size === 0 ? undefined : /^\{"level":"(\w+)"/.exec(line)?.[1];
    if (!isLogLevel(level) || rankOf(level) >= rankOf(family.level)) stderr.write(line);
    if (isLogLevel(level)) {
      for (const copy of family.copies) if (rankOf(level) >= rankOf(copy.level)) copy.write(line, level);
    }
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
        for (const known of family.children) if (known.deref() === undefined) family.children.delete(known);
        family.children.add(new WeakRef(child));
      },
    },
    { write },
  );
  families.set(log, family);
  return log;
}

/** Sets the level of a logger that {@link createLogger} made, and of all that were made from it. */
export function setLogLevel(log: Logger, level: LogLevel): void {
  const family = families.get(log);
  if (family === undefined) log.level = level;
  else {
    family.level = level;
    spreadLevel(log, family);
  }
}

/** The level of what a logger that {@link createLogger} made writes to standard error. */
export function logLevelOn(log: Logger): string {
  return families.get(log)?.level ?? log.level;
}

/** Gives `write` every line of a level and above too, whatever standard error's, until it is disposed of. */
export function copyLog(log: Logger, level: LogLevel, write: Copy['write']): Disposable {
  const family = families.get(log);
  const copy: Copy = { level, write };
  family?.copies.add(copy);
  if (family !== undefined) spreadLevel(log, family);
  return {
    [Symbol.dispose]: () => {
      family?.copies.delete(copy);
      if (family !== undefined) spreadLevel(log, family);
    },
  };
}

/** Has the loggers make every line that somebody wants. */
function spreadLevel(log: Logger, family: Family): void {
  const levels = [family.level, ...[...family.copies].map(({ level }) => level)];
  const lowest = levels.reduce((low, level) => (rankOf(level) < rankOf(low) ? level : low));
  log.level = lowest;
  for (const child of family.children) {
    const logger = child.deref();
    if (logger !== undefined) logger.level = lowest;
  }
}

/** What is no level, `silent` say, is above all. */
function rankOf(level: string | undefined): number {
  const rank = logLevels.findIndex((known) => known === level);
  return rank < 0 ? logLevels.length : rank;
}
