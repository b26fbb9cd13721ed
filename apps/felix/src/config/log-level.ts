import { isLogLevel, type LogLevel } from '@calico-node/service';
import type { Resolved } from './resolve.ts';

/** The level that LogSeverityScreen asks for; undefined where nothing sets it. */
export function logLevelOf({ values, origins }: Pick<Resolved, 'values' | 'origins'>): LogLevel | undefined {
  if (!origins.has('LogSeverityScreen')) return undefined;
  const level = values.LogSeverityScreen.toLowerCase();
  if (level === 'warning') return 'warn';
  return isLogLevel(level) ? level : undefined;
}
