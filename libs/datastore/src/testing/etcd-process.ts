import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface EtcdOptions {
  /** Kept after `stop`; by default a private directory that `stop` removes. */
  readonly dataDir?: string;
  /** The client port on 127.0.0.1; by default a free one, kept over restarts. */
  readonly port?: number;
  /** More flags for etcd. */
  readonly args?: readonly string[];
  /** `https` needs the certificate flags in `args`. */
  readonly scheme?: 'http' | 'https';
}

/** A real etcd for a test. */
export interface EtcdProcess extends AsyncDisposable {
  readonly endpoints: readonly string[];
  readonly port: number;
  readonly dataDir: string;
  readonly pid: number | undefined;
  /** Ends it in good order and removes the private data directory. */
  stop(): Promise<void>;
  /** Ends it as a crash would; the data stay for `restart`. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and data; ends it first if it runs. Resolves when it answers. */
  restart(): Promise<void>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * Starts Debian's etcd as a single member on loopback and resolves when its client port answers.
 * The caller stops it; it dies with the test process too.
 */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdProcess> {
  const isPrivate = options.dataDir === undefined;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'calico-etcd-'));
  const port = options.port ?? (await freePort());
  const peerPort = await freePort();
  const scheme = options.scheme ?? 'http';
  const client = `${scheme}://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const args = [
    ...['--name', 'test', '--data-dir', dataDir, '--log-level', 'error', '--logger', 'zap', '--unsafe-no-fsync'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `test=${peer}`],
    ...(options.args ?? []),
  ];
  let child: ChildProcess | undefined;
  const killWithUs = (): void => {
    child?.kill('SIGKILL');
    if (isPrivate) rmSync(dataDir, { recursive: true, force: true });
  };
  process.once('exit', killWithUs);

  async function start(): Promise<void> {
    let output = '';
    // The kernel ends it with us, however we end: a test run that is killed leaves no etcd behind.
    const started = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'etcd', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    });
    child = started;
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
    };
    started.stdout.on('data', keep);
    started.stderr.on('data', keep);
    let failure: string | undefined;
    started.once('error', (error) => {
      failure = error.message;
    });
    started.once('exit', (code, signal) => {
      failure ??= `exited with ${String(code ?? signal)}`;
    });
    const deadline = Date.now() + 20_000;
    while (!(await answers(port, scheme))) {
      if (failure !== undefined || Date.now() > deadline) {
        await end('SIGKILL');
        throw new Error(`etcd did not start: ${failure ?? 'no answer in 20 s'}\n${output}`);
      }
      await delay(20);
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = undefined;
    if (running?.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  }

  async function stop(): Promise<void> {
    await end('SIGTERM');
    process.removeListener('exit', killWithUs);
    if (isPrivate) rmSync(dataDir, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoints: [client],
    port,
    dataDir,
    get pid() {
      return child?.pid;
    },
    stop,
    kill9: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGKILL');
      await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Whether etcd's health page says it has a leader; with TLS, whether the port is open. */
async function answers(port: number, scheme: 'http' | 'https'): Promise<boolean> {
  try {
    if (scheme === 'https') {
      const { connect } = await import('node:net');
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
      return true;
    }
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(2000) });
    return response.ok && (await response.text()).includes('true');
  } catch {
    return false;
  }
}
