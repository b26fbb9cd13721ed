import { execFileSync } from 'node:child_process';
import { copyFile, cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleAll } from './bundle.ts';
import { placeNode } from './place-node.ts';
import { dist, root } from './programs.ts';

/** The kernel-socket addon, where a compiler made it; without it the programs use koffi. */
async function placeAddon(): Promise<void> {
  execFileSync(join(root, 'libs/netlink/native/build.sh'), { stdio: 'inherit' });
  const built = join(root, 'libs/netlink/native/build');
  const files = await readdir(built).catch(() => []);
  await mkdir(join(dist, 'lib/native'), { recursive: true });
  for (const file of files.filter((name) => name.endsWith('.node'))) {
    // A running process may have the old file mapped: replace it, never write into it.
    await rm(join(dist, 'lib/native', file), { force: true });
    await copyFile(join(built, file), join(dist, 'lib/native', file));
  }
}

await mkdir(join(dist, 'bin'), { recursive: true });
await Promise.all([
  bundleAll([]),
  placeNode(),
  placeAddon(),
  cp(join(root, 'node_modules/etcd3/proto'), join(dist, 'proto'), { recursive: true }),
]);
execFileSync(join(root, 'apps/cni-plugin/native/build.sh'), [join(dist, 'bin')], { stdio: 'inherit' });
