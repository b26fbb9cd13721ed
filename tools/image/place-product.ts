/*
 * Copies what runs on a node from dist/ to a directory: the bundles but those of the lab, their launchers, the native
 * CNI clients, the kernel-socket addon and Node.js. Usage: place-product.ts DIRECTORY
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { type Bundle, bundles, dist } from '../build/programs.ts';

/** Native programs that the build puts beside the launchers. */
const nativePrograms = ['calico', 'calico-ipam'];
const notOnNodes = ['lab', 'workload'];

function filesOf({ name, isCommand }: Bundle): readonly string[] {
  if (isCommand !== true) return [`${name}.mjs`];
  return readdirSync(join(dist, 'lib')).filter(
    (file) => file.endsWith('.cjs') && (file === `${name}.cjs` || file.startsWith(`${name}-`)),
  );
}

/** A bundle without what only readers need; names stay. Each process holds its source text in memory. */
function minified(path: string): string {
  const { code } = transformSync(readFileSync(path, 'utf8'), {
    ...{ format: 'esm', target: 'node24', legalComments: 'none' },
    ...{ minifyWhitespace: true, minifySyntax: true, lineLimit: 200 },
  });
  return code;
}

const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('usage: place-product.ts DIRECTORY');
const shipped = bundles.filter(({ name }) => !notOnNodes.includes(name));
const files = [
  ...shipped.flatMap((bundle) => filesOf(bundle).map((file) => `lib/${file}`)),
  ...shipped.flatMap(({ launchers }) => Object.keys(launchers).map((name) => `bin/${name}`)),
  ...nativePrograms.map((name) => `bin/${name}`),
  ...['lib/native', 'lib/node/bin/node', 'proto'],
];
for (const file of files) {
  if (!existsSync(join(dist, file))) throw new Error(`dist/${file} is missing; 'make build' makes it`);
  mkdirSync(join(target, file, '..'), { recursive: true });
  if (file.endsWith('.mjs')) writeFileSync(join(target, file), minified(join(dist, file)));
  else cpSync(join(dist, file), join(target, file), { recursive: true });
}
