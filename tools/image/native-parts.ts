/*
 * Makes what of a node depends on the processor, laid out as in dist/, for another processor than this machine's:
 * Node.js as npm has it, by the lockfile's hash; the kernel-socket addon and the CNI clients with a cross compiler.
 * What is there already is not made again. Usage: native-parts.ts amd64|arm64 DIRECTORY
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../build/programs.ts';
import { architectures, type Architecture, parseArchitecture } from './architectures.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
}

const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string =>
  execFileSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** Whether bytes are those that an integrity of npm names. */
export function hasIntegrity(bytes: Uint8Array, integrity: string): boolean {
  const [algorithm = '', expected] = integrity.split(/-(.*)/s);
  return algorithm === 'sha512' && createHash(algorithm).update(bytes).digest('base64') === expected;
}

function placeNode(architecture: Architecture, directory: string): void {
  const name = `node-linux-${architectures[architecture].node}`;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json has no ${name}`);
  const stamp = join(directory, 'lib/node/integrity');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === integrity) return;
  const fetched = mkdtempSync(join(tmpdir(), 'calico-node-npm-'));
  try {
    run('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', fetched]);
    const archive = join(fetched, `${name}-${version}.tgz`);
    if (!hasIntegrity(readFileSync(archive), integrity))
      throw new Error(`${archive} is not what package-lock.json has`);
    run('tar', ['-xzf', archive, '-C', fetched, 'package/bin/node']);
    mkdirSync(join(directory, 'lib/node/bin'), { recursive: true });
    copyFileSync(join(fetched, 'package/bin/node'), join(directory, 'lib/node/bin/node'));
    writeFileSync(stamp, integrity);
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
}

function compile(architecture: Architecture, directory: string): void {
  const { node, gnu } = architectures[architecture];
  const compiler = `${gnu}-gcc`;
  const packages = `gcc-${gnu.replace('_', '-')} libc6-dev-${architecture}-cross`;
  try {
    run(compiler, ['--version']);
  } catch (error) {
    throw new Error(`there is no ${compiler} (Debian's ${packages})`, { cause: error });
  }
  run(join(root, 'libs/netlink/native/build.sh'), [node], { CC: compiler });
  const addon = `netsock-linux-${node}.node`;
  mkdirSync(join(directory, 'lib/native'), { recursive: true });
  copyFileSync(join(root, 'libs/netlink/native/build', addon), join(directory, 'lib/native', addon));
  run(join(root, 'apps/cni-plugin/native/build.sh'), [join(directory, 'bin')], { CC: compiler });
}

if (import.meta.main) {
  const [name, directory] = process.argv.slice(2);
  if (directory === undefined) throw new Error('usage: native-parts.ts amd64|arm64 DIRECTORY');
  const architecture = parseArchitecture(name);
  placeNode(architecture, directory);
  compile(architecture, directory);
}
