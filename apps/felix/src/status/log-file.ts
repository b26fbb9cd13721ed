import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError, copyLog, type Logger } from '@calico-node/service';
import { logFileOf } from '../config/log-level.ts';
import type { Resolved } from '../config/resolve.ts';
import type { LogLosses } from '../log-metrics.ts';

/**
 * Copies the log to the end of a file where LogFilePath asks for that, until disposed of. What does not fit on the disk
 * is lost, and counted.
 *
 * @throws ConfigError when the file cannot be opened.
 */
export function logToFile(log: Logger, config: Resolved, losses: Pick<LogLosses, 'failed'>): Disposable {
  const file = logFileOf(config);
  if (file === undefined) return { [Symbol.dispose]: () => undefined };
  const fd = openLog(file.path);
  const copy = copyLog(log, file.level, (line) => {
    try {
      writeSync(fd, line);
    } catch {
      // The log on standard error says the same.
      losses.failed();
    }
  });
  return {
    [Symbol.dispose]: () => {
      copy[Symbol.dispose]();
      closeSync(fd);
    },
  };
}

function openLog(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    return openSync(path, 'a', 0o640);
  } catch (error) {
    throw new ConfigError(`LogFilePath is '${path}': ${error instanceof Error ? error.message : String(error)}`);
  }
}
