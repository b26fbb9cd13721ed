export { runService, ConfigError, RunError, type ServiceContext, type ServiceSpec } from './run-service.ts';
export { serveHealth } from './http.ts';
export type { ServerTls } from './server-tls.ts';
export { type ComponentReport, Health, type HealthReport, type Reporter } from './health.ts';
export {
  copyLog,
  createLogger,
  isLogLevel,
  logLevelOn,
  logLevels,
  setLogLevel,
  type Logger,
  type LogLevel,
} from './log.ts';
export type { LevelMessage } from './live-level.ts';
export { collectGarbage, settleHeap } from './heap.ts';
export { Metrics } from './metrics.ts';
export { nodePaths, type NodePaths } from './paths.ts';
export { VERSION } from './version.ts';
export { Backoff, sleep } from './backoff.ts';
