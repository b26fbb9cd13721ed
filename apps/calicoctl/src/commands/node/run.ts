import { spawn } from 'node:child_process';
import { access, appendFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { runTool } from '../../diags/run-tool.ts';
import { CommandError, type Io } from '../../io.ts';
import { dockerCommand, secretEnvironment, type RunSettings } from './docker-command.ts';
import { requireRoot } from './require-root.ts';
import { readRunSettings, type NodeRunOptions } from './run-settings.ts';

const START_LINE = 'Calico node started successfully';
const START_TIMEOUT_MS = 10_000;
const TOOL_TIMEOUT_MS = 60_000;
const CONNTRACK_MAX = '1000000';

/** `calicoctl node run`: runs the node as a container, in place of one that runs. */
export async function nodeRun(options: NodeRunOptions, io: Io): Promise<void> {
  const settings = await readRunSettings(options, io);
  const command = dockerCommand(settings);
  if (options.dryrun === true) {
    explain(command, settings, io);
    return;
  }
  requireRoot(io);
  // A calicoctl in a container can't change the host's kernel.
  if ((io.env['CALICO_CTL_CONTAINER'] ?? '') === '') await prepareKernel(io);
  io.out('Removing old calico-node container (if running).\n');
  await runTool({ command: 'docker', args: ['rm', '-f', 'calico-node'] }, { timeoutMs: TOOL_TIMEOUT_MS, env: io.env });
  io.out('Running the following command to start calico-node:\n');
  io.out(`\n${command.join(' ')}\n\n`);
  io.out('Image may take a short time to download if it is not available locally.\n');
  await start(command, settings, io);
  if (settings.isInitSystem) return;
  io.out('Container started, checking progress logs.\n\n');
  await followStart(io);
}

function explain(command: readonly string[], settings: RunSettings, io: Io): void {
  io.out(`Use the following command to start the calico/node container:\n\n${command.join(' ')}\n\n`);
  const secrets = Object.keys(secretEnvironment(settings));
  if (secrets.length > 0) io.out(`Set ${secrets.join(' and ')} in its environment.\n\n`);
  if (settings.isInitSystem) {
    io.out('Use the following command to stop the calico/node container:\n\ndocker stop calico-node\n\n');
  } else {
    io.out('If you are running calico/node in an init system, use the --init-system flag\n');
    io.out('to display the appropriate start and stop commands.\n');
  }
}

/** Loads modules that a container can't, lets the host forward, and makes room for connections. */
async function prepareKernel(io: Io): Promise<void> {
  // Docker would make a directory of a file that is missing.
  await appendFile('/run/xtables.lock', '').catch(() => undefined);
  io.out('Running command to load modules: modprobe -a xt_set ip6_tables\n');
  await runTool(
    { command: 'modprobe', args: ['-a', 'xt_set', 'ip6_tables'] },
    { timeoutMs: TOOL_TIMEOUT_MS, env: io.env },
  ); // may be built in
  io.out('Enabling IPv4 forwarding\n');
  await writeSetting('/proc/sys/net/ipv4/ip_forward', '1', 'could not enable ipv4 forwarding');
  if (await exists('/proc/sys/net/ipv6')) {
    io.out('Enabling IPv6 forwarding\n');
    await writeSetting('/proc/sys/net/ipv6/conf/all/forwarding', '1', 'could not enable ipv6 forwarding');
  }
  io.out('Increasing conntrack limit\n');
  try {
    await writeFile('/proc/sys/net/netfilter/nf_conntrack_max', CONNTRACK_MAX);
  } catch {
    io.out('WARNING: Could not set nf_contrack_max. This may have an impact at scale.\n');
  }
}

async function writeSetting(path: string, value: string, complaint: string): Promise<void> {
  try {
    await writeFile(path, value);
  } catch (error) {
    throw new CommandError(`error: ${complaint}`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Runs the command to its end: at once when detached, else when the node stops. */
function start(command: readonly string[], settings: RunSettings, io: Io): Promise<void> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...io.env, ...secretEnvironment(settings) },
    });
    let output = '';
    const take = (chunk: Buffer): void => {
      if (settings.isInitSystem) io.out(chunk.toString());
      else output += chunk.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) => {
      reject(new CommandError(`error executing command: ${error.message}`, { cause: error }));
    });
    child.once('close', (code) => {
      if (code === 0) resolve();
      else {
        const lines = output.trimEnd().split('\n');
        const reason = `error executing command: exit status ${String(code)}`;
        reject(new CommandError([reason, ...lines.map((line) => ` | ${line}`)].join('\n')));
      }
    });
  });
}

/** Prints the node's log until it says that it has started. @throws CommandError when it does not in time. */
async function followStart(io: Io): Promise<void> {
  const log = spawn('docker', ['logs', '--follow', 'calico-node'], { stdio: ['ignore', 'pipe', 'pipe'], env: io.env });
  const failed = new Promise<never>((_resolve, reject) => {
    log.once('error', (error) => {
      reject(new CommandError(`error executing command: unable to check calico/node logs: ${error.message}`));
    });
  });
  const timer = setTimeout(() => log.kill(), START_TIMEOUT_MS);
  try {
    const seen = Promise.any([log.stdout, log.stderr].map((stream) => findLine(stream, io)));
    const isStarted = await Promise.race([seen.catch(() => false), failed]);
    if (!isStarted) {
      throw new CommandError('error executing command: calico/node has terminated, check logs for details');
    }
  } finally {
    clearTimeout(timer);
    log.kill();
  }
}

/** Prints lines up to the one that is looked for. @throws Error when the stream ends without it. */
async function findLine(stream: NodeJS.ReadableStream, io: Io): Promise<true> {
  for await (const line of createInterface({ input: stream })) {
    io.out(`${line}\n`);
    if (line.includes(START_LINE)) return true;
  }
  throw new Error('the log ended');
}
