import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from '@calico-node/service';
import { encodeAnswer, parseRequest, type Answer, type Call } from './frame.ts';

/** How long a client may take to send its request. */
const requestTimeoutMs = 10_000;

export interface CniServerOptions {
  readonly path: string;
  readonly log: Logger;
  /** Does the work. Never rejects for what a caller did wrong: that is an answer. */
  readonly handle: (call: Call) => Promise<Answer>;
}

export interface CniServer {
  /** Stops taking calls and lets running ones end. */
  close(): Promise<void>;
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
}

function serveConnection(socket: Socket, { handle, log }: CniServerOptions, idle: Set<Socket>): void {
  idle.add(socket);
  let received = Buffer.alloc(0);
  let isTaken = false;
  const timer = setTimeout(() => socket.destroy(), requestTimeoutMs);
  socket.on('error', (error) => {
    log.debug({ err: error }, 'a client went away');
  });
  socket.on('close', () => {
    idle.delete(socket);
    clearTimeout(timer);
  });
  socket.on('data', (chunk) => {
    if (isTaken) return;
    received = Buffer.concat([received, chunk]);
    const request = parseRequest(received);
    if (request.state === 'incomplete') return;
    isTaken = true;
    idle.delete(socket);
    clearTimeout(timer);
    if (request.state === 'malformed') {
      log.warn({ reason: request.reason }, 'refused a malformed request');
      socket.destroy();
      return;
    }
    handle(request.call).then(
      (answer) => socket.end(encodeAnswer(answer)),
      (error: unknown) => {
        log.error({ err: error }, 'a call failed without an answer');
        socket.destroy();
      },
    );
  });
}

/**
 * Serves the exec'd clients on a unix socket that only root may use. A socket file that a dead process left
 * is replaced.
 *
 * @throws Error when another process serves on the path.
 */
export async function serveCni(options: CniServerOptions): Promise<CniServer> {
  const { path } = options;
  mkdirSync(dirname(path), { recursive: true });
  if (await isServed(path)) throw new Error(`another process already serves on ${path}`);
  rmSync(path, { force: true });
  const idle = new Set<Socket>();
  const server: Server = createServer((socket) => {
    serveConnection(socket, options, idle);
  });
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, backlog: 511 }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of idle) socket.destroy();
      }),
  };
}
