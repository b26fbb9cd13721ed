import { createLogger, type Logger } from '@calico-node/service';
import type { LogSettings } from '../spec/network-config.ts';
import { appendLogLine } from './log-file.ts';

/** A node has one or two configurations. */
const maxLoggers = 16;

/** The logs that network configurations ask for. Every line goes to this process's own log too. */
export class CallLogs {
  readonly #own: Logger;
  readonly #loggers = new Map<string, Logger>();

  constructor(own: Logger) {
    this.#own = own;
  }

  of(settings: LogSettings): Logger {
    if (settings.level === undefined && settings.path === '') return this.#own;
    const key = JSON.stringify(settings);
    const known = this.#loggers.get(key);
    if (known !== undefined) return known;
    if (this.#loggers.size >= maxLoggers) this.#loggers.clear();
    const logger = this.#create(settings);
    this.#loggers.set(key, logger);
    return logger;
  }

  #create(settings: LogSettings): Logger {
    const { path, level = this.#own.level } = settings;
    if (path === '') return createLogger('cni', level);
    return createLogger('cni', level, (line) => {
      try {
        appendLogLine(path, line, settings, Date.now());
      } catch (error) {
        this.#own.warn({ err: error, path }, 'could not write the log file that the network configuration names');
      }
    });
  }
}
