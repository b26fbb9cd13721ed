import { pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

/**
 * One line of JSON per event on standard error, so that standard output stays a program's own.
 * Secrets are redacted by field name wherever they stand one or two levels deep.
 */
export function createLogger(component: string, level: string): Logger {
  const secrets = ['password', 'token', 'key', 'secret'];
  return pino(
    {
      level,
      base: { component, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secrets.flatMap((name) => [`*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
