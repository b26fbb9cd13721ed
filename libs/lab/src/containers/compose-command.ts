import { run } from './child.ts';
import { onPath } from './on-path.ts';

/** Docker Compose as a plug-in of Docker's client, or as a program of its own; undefined where there is neither. */
export async function composeCommand(): Promise<readonly [string, ...string[]] | undefined> {
  const docker = onPath('docker');
  if (docker !== undefined && (await run(docker, ['compose', 'version'])).code === 0) return [docker, 'compose'];
  const own = onPath('docker-compose');
  return own === undefined ? undefined : [own];
}
