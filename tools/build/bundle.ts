import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { directImports } from './direct-imports.ts';
import { filesAside } from './files-aside.ts';
import { lazyBuiltins } from './lazy-builtins.ts';
import { type Bundle, bundles, dist } from './programs.ts';
import { warmUp } from './warm-up.ts';

/** What few commands need, and is large: the gRPC client, YAML, the log. */
const packagesAside = ['@grpc/grpc-js', 'etcd3', 'yaml', 'pino', 'prom-client'];

/** CommonJS dependencies find their `require` and `__dirname` (etcd3 reads dist/proto/rpc.proto by it). */
const banner = `import { createRequire as __createRequire } from 'node:module';
import { dirname as __dirnameOf } from 'node:path';
import { fileURLToPath as __fileURLToPath } from 'node:url';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

/** A launcher needs no tool but the shell, works from any directory and through symbolic links. */
function launcher(file: string, args: readonly string[]): string {
  return `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=\${self%/*}/$target ;; esac
done
here=\${self%/*}
[ "$here" = "$self" ] && here=.
exec "$here/../lib/node/bin/node" "$here/../lib/${file}"${args.map((arg) => ` ${arg}`).join('')} "$@"
`;
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
  await build({
    ...common,
    entryPoints: { [name]: entry },
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    banner: { js: banner },
  });
}

/**
 * CommonJS, which evaluates a module when it is first asked for, in few files, of which a short command loads two: the
 * launcher and the program. The larger packages are files of their own.
 */
async function buildCommand({ name, entry }: Bundle): Promise<void> {
  const program = join(dirname(entry), 'main.ts');
  const toFile = (part: string): string => `${name}-${part.replaceAll(/[^a-z0-9]+/g, '-').replace(/^-/, '')}`;
  const options: BuildOptions = {
    ...common,
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    minify: true,
    supported: { 'dynamic-import': false },
    // CommonJS has no `import.meta`; libs/netlink finds its addon beside the bundle by it.
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: "const bundleUrl = process.getBuiltinModule('url').pathToFileURL(__filename).href;" },
  };
  const aside = [...packagesAside, program];
  const fileOf = (path: string): string => `./${path === program ? toFile('main') : toFile(path)}.cjs`;
  const parts = [
    { out: name, in: entry },
    { out: toFile('main'), in: program },
    ...packagesAside.map((path) => ({ out: toFile(path), in: path })),
  ];
  await Promise.all(
    parts.map((part) =>
      build({
        ...options,
        entryPoints: [part],
        plugins: [
          filesAside(
            aside.filter((path) => path !== part.in),
            fileOf,
          ),
          directImports(),
          lazyBuiltins(),
        ],
      }),
    ),
  );
  await warmUp(join(dist, 'lib', `${name}.cjs`), join(dist, 'lib/compile-cache'));
}

async function buildBundle(bundle: Bundle): Promise<void> {
  await (bundle.isCommand === true ? buildCommand(bundle) : buildDaemon(bundle));
  for (const [name, args] of Object.entries(bundle.launchers)) {
    const path = join(dist, 'bin', name);
    await rm(path, { force: true });
    await writeFile(path, launcher(`${bundle.name}.${bundle.isCommand === true ? 'cjs' : 'mjs'}`, args));
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
