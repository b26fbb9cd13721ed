import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CALICO_VERSION } from '@calico-node/datastore';
import { nodePaths, VERSION } from '@calico-node/service';
import { startBundle, timestamp, type Bundle } from '../../diags/bundle.ts';
import { runTool, type ToolResult } from '../../diags/run-tool.ts';
import type { Io } from '../../io.ts';
import { DIAGS_DIRECTORIES, DIAGS_FILES, DIAGS_STEPS } from './diags-plan.ts';
import { askServices } from './diags-services.ts';
import { requireRoot } from './require-root.ts';

export interface NodeDiagsOptions {
  readonly logDir: string;
}

const TOOL_TIMEOUT_MS = 30_000;
/** Of a larger file, its end. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** What could not be had, which the archive itself says too. */
interface Collection {
  readonly bundle: Bundle;
  readonly io: Io;
  readonly missing: string[];
}

/**
 * `calicoctl node diags`: what this host and its processes are and do, in an archive. Whatever can't be had is
 * named and is no failure.
 */
export async function nodeDiags({ logDir }: NodeDiagsOptions, io: Io): Promise<void> {
  requireRoot(io);
  io.out('Collecting diagnostics\n');
  const bundle = await startBundle('diagnostics');
  io.out(`Using temp dir: ${bundle.temporary}\n`);
  const collection: Collection = { bundle, io, missing: [] };
  await bundle.add('versions', `calicoctl ${VERSION} (Calico ${CALICO_VERSION})\nnode.js ${process.version}\n`);
  await runSteps(collection);
  await addServices(collection);
  await addConfiguration(collection);
  await addLogs(collection, logDir);
  await addContainerLogs(collection);
  await bundle.add('missing', collection.missing.map((line) => `${line}\n`).join(''));
  const archive = join(bundle.temporary, `diags-${timestamp(io.now())}.tar.gz`);
  await bundle.pack(archive);
  await bundle.clear();
  io.out(`\nDiags saved to ${archive}\n`);
  io.out(
    'Passwords, tokens and private keys were left out where they could be told; look through it before you share it.\n',
  );
}

function note({ io, missing }: Collection, line: string): void {
  missing.push(line);
  io.out(`${line}\n`);
}

async function runSteps(collection: Collection): Promise<void> {
  const { bundle, io } = collection;
  for (const { file, info, command, args } of DIAGS_STEPS) {
    if (info !== undefined) io.out(`${info}\n`);
    const result = await runTool({ command, args }, { timeoutMs: TOOL_TIMEOUT_MS, env: io.env });
    if (result.type === 'missing') {
      note(collection, `Skipped ${file}: ${command} is not installed`);
      continue;
    }
    if (result.type === 'failed') {
      note(collection, `Failed to run command: ${[command, ...args].join(' ')} (${result.reason})`);
    }
    await bundle.add(file, result.output);
  }
}

async function addServices(collection: Collection): Promise<void> {
  collection.io.out('Asking Calico processes\n');
  for (const { file, text, failure } of await askServices(nodePaths(collection.io.env))) {
    if (failure !== undefined) note(collection, `Skipped ${file}: ${failure}`);
    await collection.bundle.add(`services/${file}`, text);
  }
}

async function addConfiguration(collection: Collection): Promise<void> {
  const { bundle, io } = collection;
  const { nodenameFile, mtuFile, bgpConfigFile, runDir, libDir } = nodePaths(io.env);
  io.out('Copying configuration\n');
  const environment = Object.entries(io.env).filter(([name]) =>
    /^(?:CALICO|FELIX|ETCD|DATASTORE|IP6?_|K8S)/.test(name),
  );
  await bundle.add('environment', environment.map(([name, value]) => `${name}=${value ?? ''}\n`).join(''));
  for (const path of [...DIAGS_FILES, nodenameFile, mtuFile, bgpConfigFile]) {
    await copyFile(bundle, path, `files${path}`).catch(() => undefined); // most hosts lack some
  }
  for (const directory of DIAGS_DIRECTORIES)
    await copyTree(bundle, directory, `files${directory}`).catch(() => undefined);
  for (const [name, directory] of Object.entries({ run_dir: runDir, lib_dir: libDir })) {
    await bundle.add(name, await listing(directory));
  }
}

async function listing(directory: string): Promise<string> {
  try {
    return `${directory}:\n${(await readdir(directory)).sort().join('\n')}\n`;
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n`;
  }
}

async function addLogs(collection: Collection, logDir: string): Promise<void> {
  try {
    if (!(await lstat(logDir)).isDirectory()) {
      note(collection, `No logs found in ${logDir}; skipping log copying`);
      return;
    }
    collection.io.out('Copying Calico logs\n');
    await copyTree(collection.bundle, logDir, 'logs');
  } catch (error) {
    note(collection, `Error copying log files: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Links are not followed: they could lead anywhere. */
async function copyTree(bundle: Bundle, from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) await copyTree(bundle, source, target);
    else if (entry.isFile() && !/\.(?:key|pem)$/.test(entry.name)) await copyFile(bundle, source, target);
  }
}

async function copyFile(bundle: Bundle, from: string, to: string): Promise<void> {
  const bytes = (await readFile(from)).subarray(-MAX_FILE_BYTES);
  // A NUL byte early on is how git and grep tell what is no text.
  if (bytes.subarray(0, 8192).includes(0)) await bundle.addBinary(to, bytes);
  else await bundle.add(to, bytes.toString('utf8'));
}

/** Logs of nodes that run as containers. */
async function addContainerLogs(collection: Collection): Promise<void> {
  const docker = (...args: string[]): Promise<ToolResult> =>
    runTool({ command: 'docker', args }, { timeoutMs: TOOL_TIMEOUT_MS, env: collection.io.env });
  const result = await docker('ps', '-a', '--filter', 'name=calico', '--format', '{{.Names}}');
  if (result.type !== 'done') return; // said already
  const names = result.output.split('\n').filter((name) => name !== '' && !name.includes('k8s_POD'));
  if (names.length > 0) collection.io.out('Copying logs from Calico containers\n');
  for (const name of names) {
    const log = await docker('logs', '--tail', '100000', name);
    if (log.type === 'done') await collection.bundle.add(`logs/${name.replaceAll('/', '_')}.log`, log.output);
    else note(collection, `Could not pull log for container ${name}`);
  }
}
