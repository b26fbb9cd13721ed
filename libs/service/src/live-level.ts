import { isLogLevel, logLevelOn, setLogLevel, type Logger, type LogLevel } from './log.ts';

/** What a supervisor sends to a child over the channel that `child_process` makes. */
export interface LevelMessage {
  readonly logLevel: LogLevel;
}

function isLevelMessage(message: unknown): message is LevelMessage {
  return typeof message === 'object' && message !== null && 'logLevel' in message && isLogLevel(message.logLevel);
}

/**
 * Lets the level of a running process be changed: by its supervisor's {@link LevelMessage}, and by SIGUSR2, which
 * goes to `debug` and, the next time, back to what was set last. The channel does not keep the process alive.
 *
 * @returns what ends that.
 */
export function followLogLevel(log: Logger, level: LogLevel): Disposable {
  let usual = level;
  const change = (next: LogLevel): void => {
    log.info({ logLevel: next }, 'log level changes');
    setLogLevel(log, next);
  };
  const onMessage = (message: unknown): void => {
    if (!isLevelMessage(message)) return;
    usual = message.logLevel;
    change(usual);
  };
  const onSignal = (): void => {
    const next = logLevelOn(log) === 'debug' ? (usual === 'debug' ? 'info' : usual) : 'debug';
    change(next);
  };
  process.on('message', onMessage).on('SIGUSR2', onSignal);
  process.channel?.unref();
  return {
    [Symbol.dispose]: () => {
      process.removeListener('message', onMessage).removeListener('SIGUSR2', onSignal);
    },
  };
}
