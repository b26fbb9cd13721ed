import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@calico-node/service';

type Variables = Readonly<Record<string, string | undefined>>;

const rootGroup = 0;

/**
 * Makes the directories that a node needs on the host and gives them to the user that it will run as (NODE_USER_ID,
 * 1000 when unset), with the logs that CNI plug-ins have written, as calico/node's init container for a node that is
 * not root's. `root` is before every path; for tests.
 *
 * @throws ConfigError for a NODE_USER_ID that is no user id; the file system's own errors.
 */
export function initHostPaths(env: Variables, root = '/'): readonly string[] {
  const text = env['NODE_USER_ID'] ?? '';
  const user = text === '' ? 1000 : /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(user < 0xffffffff)) throw new ConfigError(`NODE_USER_ID='${text}': must be a user id, 0 to 4294967294`);
  const cniLogs = join(root, 'var/log/calico/cni');
  const directories = [join(root, 'var/lib/calico'), join(root, 'var/run/calico'), join(root, 'var/log/calico')];
  for (const directory of [...directories, cniLogs]) {
    if (!existsSync(directory)) mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  // What is a link may lead anywhere.
  const logs = readdirSync(cniLogs, { recursive: true, encoding: 'utf8' }).map((name) => join(cniLogs, name));
  const given = [...directories, cniLogs, ...logs.filter((path) => !lstatSync(path).isSymbolicLink())];
  for (const path of given) chownSync(path, user, rootGroup);
  return given;
}
