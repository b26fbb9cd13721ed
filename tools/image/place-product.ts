/*
 * Copies what runs on a node to a directory: from dist/ the bundles but those of the lab and their launchers; from
 * PARTS, which is laid out as dist/ (and is dist/ for this machine's processor), the native CNI clients, the
 * kernel-socket addon and Node.js. Usage: place-product.ts DIRECTORY ARCHITECTURE PARTS
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { type Bundle, bundles, dist } from '../build/programs.ts';
import { architectures, parseArchitecture } from './architectures.ts';

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

/** Copies a file, or a directory, and makes the directories above it. */
function place(from: string, target: string, file: string): void {
  if (!existsSync(join(from, file))) throw new Error(`${join(from, file)} is missing; 'make build' makes it`);
  mkdirSync(join(target, file, '..'), { recursive: true });
  if (file.endsWith('.mjs')) writeFileSync(join(target, file), minified(join(from, file)));
  else cpSync(join(from, file), join(target, file), { recursive: true });
}

const [target, name, parts] = process.argv.slice(2);
if (target === undefined || parts === undefined)
  throw new Error('usage: place-product.ts DIRECTORY ARCHITECTURE PARTS');
const shipped = bundles.filter(({ name }) => !notOnNodes.includes(name));
const portable = [
  ...shipped.flatMap((bundle) => filesOf(bundle).map((file) => `lib/${file}`)),
  ...shipped.flatMap(({ launchers }) => Object.keys(launchers).map((launcher) => `bin/${launcher}`)),
  'proto',
];
const native = [
  ...nativePrograms.map((program) => `bin/${program}`),
  `lib/native/netsock-linux-${architectures[parseArchitecture(name)].node}.node`,
  'lib/node/bin/node',
];
for (const file of portable) place(dist, target, file);
for (const file of native) place(parts, target, file);
