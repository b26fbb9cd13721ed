import { netnsInode, openNetns, openOwnNetns, type Netns } from '@calico-node/netlink';
import { WireError } from './wire-error.ts';

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

/**
 * Opens the namespace of a workload by its path. The caller closes it.
 *
 * @throws WireError `netns-missing`, `own-netns`
 */
export function openWorkloadNetns(path: string): Netns {
  let netns: Netns;
  try {
    netns = openNetns(path);
  } catch (error) {
    if (isFileError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ESRCH')) {
      throw new WireError('netns-missing', `there is no network namespace ${path}`, { cause: error });
    }
    throw error;
  }
  using own = openOwnNetns();
  // A path whose namespace is gone is an ordinary file: it has the inode of another file system, never a namespace's.
  if (netnsInode(netns) === netnsInode(own)) {
    netns.close();
    throw new WireError('own-netns', `${path} is the network namespace of the host`);
  }
  return netns;
}
