import { isLogLevel, type LogLevel } from '@calico-node/service';
import { oneOf, type ParameterType } from './parameter-type.ts';
import type { Resolved } from './resolve.ts';

/** Calico's words for levels of the log. */
export type Severity = 'TRACE' | 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'FATAL';

/** A severity; `none` is no log at all. */
export const severity: ParameterType<Severity | ''> = {
  ...oneOf<Severity>('TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'FATAL'),
  zero: '',
};

/** The level that LogSeverityScreen asks for; undefined where nothing sets it. */
export function logLevelOf({ values, origins }: Pick<Resolved, 'values' | 'origins'>): LogLevel | undefined {
  return origins.has('LogSeverityScreen') ? (levelOf(values.LogSeverityScreen) ?? 'fatal') : undefined;
}

/**
 * What goes to a file beside standard error: the path and the level. Only where LogFilePath is set, since Calico's image
 * of the node, whose configuration this one has, sets it to none.
 */
export function logFileOf({
  values,
  origins,
}: Pick<Resolved, 'values' | 'origins'>): { readonly path: string; readonly level: LogLevel } | undefined {
  const path = origins.has('LogFilePath') ? values.LogFilePath : '';
  const level = levelOf(values.LogSeverityFile);
  return path === '' || level === undefined ? undefined : { path, level };
}

/** What goes to the host's syslog daemon: only where LogSeveritySys is set, as with the file. */
export function syslogLevelOf({ values, origins }: Pick<Resolved, 'values' | 'origins'>): LogLevel | undefined {
  return origins.has('LogSeveritySys') ? levelOf(values.LogSeveritySys) : undefined;
}

/** Our word for a severity; undefined for none. */
function levelOf(word: Severity | ''): LogLevel | undefined {
  const level = word === 'WARNING' ? 'warn' : word.toLowerCase();
  return isLogLevel(level) ? level : undefined;
}
