import type { LogLevel } from '../derive/settings.ts';
import type { Lines } from './syntax.ts';

/** What a protocol tells BIRD's log. */
export function debugging(level: LogLevel): Lines {
  if (level === 'none') return [];
  return [level === 'debug' ? 'debug all;' : 'debug { states };'];
}
