import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './child.ts';
import { type Engine } from './docker-engine.ts';
import { onPath } from './on-path.ts';

/** Programs that the image `box` has, by these names. */
const applets = ['sh', 'ip', 'ping', 'ping6', 'nc', 'sleep', 'cat', 'arping', 'timeout'];

/** Makes an image of a directory tree that `script` fills; `$1`... are `args`. @throws Error when that fails. */
export async function importTree(
  engine: Engine,
  image: string,
  script: string,
  args: readonly string[],
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'cnt-image-'));
  try {
    const whole = `cd "$0" && ${script} && tar -c . | ${onPath('docker') ?? 'docker'} import - ${image}`;
    const { code, stderr } = await run('sh', ['-c', whole, root, ...args], engine.environment);
    if (code !== 0) throw new Error(`could not import the image ${image}: ${stderr}`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The image `box`: a static busybox and nothing else. */
export async function importBox(engine: Engine): Promise<void> {
  const links = applets.map((name) => `ln -s busybox bin/${name}`);
  const script = ['mkdir bin', 'cp "$1" bin/busybox', ...links].join(' && ');
  await importTree(engine, 'box', script, [onPath('busybox') ?? 'busybox']);
}
