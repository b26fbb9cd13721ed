import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where a program is; undefined when there is none. */
export function onPath(program: string): string | undefined {
  // Debian's first: another client may ask for more than Debian's daemon knows.
  const folders = `/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`.split(':');
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
