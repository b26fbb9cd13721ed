import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CommandError, type Io } from '../../io.ts';
import { checkModule, isKernelNewEnough, MIN_KERNEL, REQUIRED_MODULES, type KernelFacts } from './kernel-modules.ts';
import { requireRoot } from './require-root.ts';

/** `calicoctl node checksystem`. @throws CommandError when something that Calico needs is not there. */
export async function nodeChecksystem(options: { readonly kernelConfig?: string }, io: Io): Promise<void> {
  requireRoot(io);
  const facts = await readFacts(options.kernelConfig);
  const result = (name: string, outcome: string): void => {
    io.out(`\t\t${name.padEnd(20)}\t\t\t\t\t${outcome}\n`);
  };
  let isGood = true;

  io.out('Checking kernel version...\n');
  const isNew = isKernelNewEnough(facts.release);
  result(facts.release, isNew ? 'OK' : 'FAIL');
  if (!isNew) {
    io.out(`Minimum kernel version to run Calico is ${MIN_KERNEL}. Detected kernel version: ${facts.release}\n`);
    isGood = false;
  }

  io.out('Checking kernel modules...\n');
  for (const required of REQUIRED_MODULES) {
    const outcome = checkModule(required, facts);
    if (outcome !== 'OK') {
      io.out(`WARNING: Unable to detect the ${required.name} module as Loaded/Builtin module or lsmod\n`);
    }
    result(required.name, outcome);
    if (outcome === 'FAIL') isGood = false;
    if (outcome === 'SKIP' && required.name === 'ip6_tables') {
      io.out('WARNING: IPv6 will be unavailable as ip6_tables kernel module is not found\n');
    }
  }
  if (!isGood) {
    throw new CommandError("system doesn't meet one or more minimum systems requirements to run Calico");
  }
  io.out('System meets minimum system requirements to run Calico!\n');
}

/** @throws CommandError when the configuration that was named can't be read. */
async function readFacts(kernelConfig: string | undefined): Promise<KernelFacts> {
  const kernel = release();
  const modules = `/lib/modules/${kernel}`;
  return {
    release: kernel,
    moduleFiles: await readAll([`${modules}/modules.dep`, `${modules}/modules.builtin`]),
    loaded: await readAll(['/proc/modules']),
    config: kernelConfig === undefined ? await findConfig(kernel) : await readNamed(kernelConfig),
    matches: await readAll(
      ['ip_tables_matches', 'ip_tables_targets', 'ip6_tables_matches', 'ip6_tables_targets'].map(
        (name) => `/proc/net/${name}`,
      ),
    ),
  };
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readConfig(path);
  } catch (error) {
    throw new CommandError(`the kernel config ${path} can't be read: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
}

/** The first of the places where the configuration may be. */
async function findConfig(kernel: string): Promise<string> {
  const places = [
    '/proc/config.gz',
    '/usr/src/linux/.config',
    `/boot/config-${kernel}`,
    `/usr/src/linux-${kernel}/.config`,
    `/usr/src/linux-headers-${kernel}/.config`,
    `/lib/modules/${kernel}/build/.config`,
  ];
  for (const path of places) {
    try {
      return await readConfig(path);
    } catch {
      // Not there, or not readable: the next one may be.
    }
  }
  return '';
}

async function readConfig(path: string): Promise<string> {
  const bytes = await readFile(path);
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return (isCompressed ? await promisify(gunzip)(bytes) : bytes).toString('utf8');
}

/** What of the files there is. */
async function readAll(paths: readonly string[]): Promise<string> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
  return texts.join('\n');
}
