import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { distDir } from '../programs.ts';
import type { Engine } from './docker-engine.ts';

/** Names the calico-node image that tests run; without it, one is made from dist/. */
export const nodeImageVariable = 'CALICO_TEST_NODE_IMAGE';

const localImage = 'calico-node:test';
const buildLimitMs = 120_000;

async function build(env: Readonly<Record<string, string>>): Promise<void> {
  const script = join(distDir, '../tools/image/build.sh');
  await promisify(execFile)(script, [localImage], { env: { ...process.env, ...env }, timeout: buildLimitMs });
}

/**
 * Makes the image's root file system where it is out of date, which may take packages from the network: do it before
 * this process leaves that. Gives the reason when it cannot be made.
 */
export async function prepareNodeImage(): Promise<string | undefined> {
  if ((process.env[nodeImageVariable] ?? '') !== '') return undefined;
  try {
    await build({ IMAGE_IMPORT: 'never' });
    return undefined;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n').at(-1) : '';
    return `the image cannot be made: ${said === '' ? String(error) : String(said)}`;
  }
}

/** The calico-node image in an engine, imported from what {@link prepareNodeImage} made. Gives its name. */
export async function nodeImage(engine: Engine): Promise<string> {
  const named = process.env[nodeImageVariable] ?? '';
  if (named !== '') return named;
  await build(engine.environment);
  await engine.ok('image', 'inspect', localImage);
  return localImage;
}
