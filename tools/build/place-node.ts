import { copyFile, link, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dist, root } from './programs.ts';

/** The Node.js that everything runs on. */
export const node = join(dist, 'lib/node/bin/node');

let placed: Promise<void> | undefined;

/** Puts the pinned Node.js beside the bundles, as a hard link where the file system allows it. */
export function placeNode(): Promise<void> {
  placed ??= place();
  return placed;
}

async function place(): Promise<void> {
  const source = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
  await mkdir(dirname(node), { recursive: true });
  const [from, to] = await Promise.all([stat(source), stat(node).catch(() => undefined)]);
  if (to?.size === from.size && to.mtimeMs >= from.mtimeMs) return;
  await rm(node, { force: true });
  await link(source, node).catch(() => copyFile(source, node));
}
