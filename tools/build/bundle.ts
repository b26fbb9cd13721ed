import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build as esbuild, type BuildOptions } from 'esbuild';
import { filesAside } from './files-aside.ts';
import { lazyModules } from './lazy-modules.ts';
import { node, placeNode } from './place-node.ts';
import { type Bundle, bundles, dist } from './programs.ts';
import { buildSnapshot } from './snapshot.ts';

/** What few commands need, and is large: the gRPC client, YAML, the log. */
const packagesAside = ['@grpc/grpc-js', 'etcd3', 'yaml', 'pino', 'prom-client'];

/** CommonJS dependencies find their `require` and `__dirname` (etcd3 reads dist/proto/rpc.proto by it). */
const banner = `import { createRequire as __createRequire } from 'node:module';
import { dirname as __dirnameOf } from 'node:path';
import { fileURLToPath as __fileURLToPath } from 'node:url';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

/**
 * In a bundle of a command: what a start-up snapshot has not, since it is of no file. Asked for when it is needed, since
 * only then is it known where the bundle is.
 */
const commandBanner = `var __bundlePath = () => process.getBuiltinModule('path').resolve(process.argv[1]);
var __bundleUrl = () => process.getBuiltinModule('url').pathToFileURL(__bundlePath()).href;
var require = (path) => process.getBuiltinModule('module').createRequire(__bundlePath())(path);`;

/** A launcher needs no tool but the shell, works from any directory and through symbolic links. */
function launcher(start: string): string {
  return `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=\${self%/*}/$target ;; esac
done
here=\${self%/*}
[ "$here" = "$self" ] && here=.
lib=$here/../lib
node=$lib/node/bin/node
${start}
`;
}

function startDaemon(name: string, args: readonly string[]): string {
  return `exec "$node" "$lib/${name}.mjs"${args.map((arg) => ` ${arg}`).join('')} "$@"`;
}

/**
 * With the start-up snapshot, if there is one, unless Node.js was replaced since. It is taken as it is, hashes of
 * strings included: to make those anew takes longer than most commands, and a command that reads what its user names
 * need not fear keys that were chosen to collide.
 */
function startCommand(name: string): string {
  return `snapshot=$lib/${name}.snapshot
if [ -f "$snapshot" ] && [ ! "$snapshot" -ot "$node" ]; then
  exec "$node" --no-rehash-snapshot --snapshot-blob "$snapshot" "$lib/${name}.cjs" "$@"
fi
exec "$node" "$lib/${name}.cjs" "$@"`;
}

const common: BuildOptions = {
  outdir: join(dist, 'lib'),
  bundle: true,
  platform: 'node',
  target: 'node24',
  external: ['koffi'],
  legalComments: 'none',
  logLevel: 'warning',
};

/** One ES module: a daemon loads all that it has, once. */
async function buildDaemon({ name, entry }: Bundle): Promise<void> {
  await esbuild({
    ...common,
    entryPoints: { [name]: entry },
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    banner: { js: banner },
  });
}

/**
 * A script, and a start-up snapshot of what it is when it has run once. Modules are evaluated when something of them is
 * first used; the larger packages are files of their own.
 */
async function buildCommand({ name, entry }: Bundle): Promise<void> {
  const fileOf = (path: string): string => `${name}-${path.replaceAll(/[^a-z0-9]+/g, '-').replace(/^-/, '')}`;
  const build = (out: string, from: string, options: BuildOptions): Promise<unknown> =>
    esbuild({
      ...common,
      entryPoints: { [out]: from },
      outExtension: { '.js': '.cjs' },
      minify: true,
      supported: { 'dynamic-import': false },
      plugins: [
        filesAside(
          packagesAside.filter((path) => path !== from),
          (path) => `./${fileOf(path)}.cjs`,
        ),
        lazyModules(),
      ],
      ...options,
    });
  await Promise.all([
    build(name, entry, { format: 'iife', banner: { js: commandBanner } }),
    ...packagesAside.map((path) => build(fileOf(path), path, { format: 'cjs' })),
    placeNode(),
  ]);
  await buildSnapshot(node, join(dist, 'lib', `${name}.cjs`), join(dist, 'lib', `${name}.snapshot`));
}

async function buildBundle(bundle: Bundle): Promise<void> {
  const { name, isCommand = false, launchers } = bundle;
  await (isCommand ? buildCommand(bundle) : buildDaemon(bundle));
  for (const [launched, args] of Object.entries(launchers)) {
    const path = join(dist, 'bin', launched);
    await rm(path, { force: true });
    await writeFile(path, launcher(isCommand ? startCommand(name) : startDaemon(name, args)));
    await chmod(path, 0o755);
  }
}

/** Builds the named programs, or all of them. */
export async function bundleAll(names: readonly string[]): Promise<void> {
  await mkdir(join(dist, 'bin'), { recursive: true });
  const unknown = names.filter((name) => !bundles.some((bundle) => bundle.name === name));
  if (unknown.length > 0) {
    throw new Error(`no program ${unknown.join(', ')}; there are ${bundles.map((bundle) => bundle.name).join(', ')}`);
  }
  await Promise.all(bundles.filter((bundle) => names.length === 0 || names.includes(bundle.name)).map(buildBundle));
}

if (import.meta.main) await bundleAll(process.argv.slice(2));
