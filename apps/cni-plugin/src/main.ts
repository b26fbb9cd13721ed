#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createLogger, nodePaths, runService, VERSION } from '@calico-node/service';
import { handleCall } from './handlers/handle.ts';
import type { Call, Program } from './server/frame.ts';
import { runCniServer } from './server/run-server.ts';
import { Stores } from './store/stores.ts';

const callLimitMs = 80_000;

/** The CNI_* variables, and standard input: one call, as the exec'd client sends it to the server. */
function ownCall(program: Program): Call {
  const variables = Object.entries(process.env).flatMap(([name, value]) =>
    name.startsWith('CNI_') && value !== undefined ? [[name, value] as const] : [],
  );
  const stdin = process.stdin.isTTY ? '' : readFileSync(0, 'utf8');
  return { program, variables: Object.fromEntries(variables), stdin };
}

/** Does one call in this process: what the exec'd client falls back to when no server runs. */
async function runOnce(program: Program): Promise<number> {
  const log = createLogger(program, process.env['CALICO_LOG_LEVEL'] ?? 'warn');
  const paths = nodePaths(process.env);
  const stores = new Stores(process.env, paths, log);
  try {
    const context = { env: process.env, paths, log, stores };
    const answer = await handleCall(ownCall(program), context, AbortSignal.timeout(callLimitMs));
    process.stdout.write(answer.stdout);
    return answer.exitCode;
  } finally {
    stores.close();
  }
}

const usage = `cni-plugin: Calico's CNI plug-ins, as a server and as programs.

Usage: cni-plugin server [options]   serves the exec'd clients on <run directory>/cni.sock (server --help)
       cni-plugin calico             one call of the network plug-in: CNI_* environment, configuration on stdin
       cni-plugin calico-ipam        one call of the IPAM plug-in
`;

async function main(argv: readonly string[]): Promise<number | undefined> {
  const [mode, ...rest] = argv[0] === undefined ? [basename(process.argv0)] : argv;
  switch (mode) {
    case 'server':
      await runService(
        {
          name: 'cni-server',
          description: 'attaches workloads for the CNI plug-ins that container runtimes exec',
          healthAddress: '127.0.0.1:9194',
          run: runCniServer,
        },
        rest,
      );
      return undefined;
    case 'calico':
    case 'calico-ipam':
      if (rest.includes('-v') || rest.includes('--version')) {
        process.stdout.write(`${VERSION}\n`);
        return 0;
      }
      return runOnce(mode);
    default:
      process.stdout.write(usage);
      return mode === '--help' || mode === '-h' ? 0 : 2;
  }
}

const code = await main(process.argv.slice(2));
if (code !== undefined) process.exitCode = code;
