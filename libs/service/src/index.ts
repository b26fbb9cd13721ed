export { runService, ConfigError, type ServiceContext, type ServiceSpec } from './run-service.ts';
export { Health, type HealthReport, type Reporter } from './health.ts';
export { createLogger, type Logger } from './log.ts';
export { Metrics } from './metrics.ts';
export { nodePaths, type NodePaths } from './paths.ts';
export { VERSION } from './version.ts';
export { Backoff, sleep } from './backoff.ts';
