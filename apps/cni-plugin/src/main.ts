#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createLogger, nodePaths, runService, VERSION } from '@calico-node/service';
import { FelixConnection } from '@calico-node/workload';
import { handleCall } from './handlers/handle.ts';
import { testVariable } from './handlers/test-connection.ts';
import { runInstall } from './install/run-install.ts';
import { KubernetesClients } from './kubernetes/clients.ts';
import { CallLogs } from './server/call-logs.ts';
import type { Call, Program } from './server/frame.ts';
import { runCniServer } from './server/run-server.ts';
import { Stores } from './store/stores.ts';

const callLimitMs = 80_000;
const upgradeFlags: ReadonlySet<string> = new Set(['-upgrade', '--upgrade']);

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
  const kubernetes = new KubernetesClients(process.env);
  try {
    using felix = new FelixConnection(paths.felixSocket);
    const context = { env: process.env, paths, log, callLogs: new CallLogs(log), stores, felix, kubernetes };
    const answer = await handleCall(ownCall(program), context, AbortSignal.timeout(callLimitMs));
    process.stdout.write(answer.stdout);
    return answer.exitCode;
  } finally {
    stores.close();
    kubernetes.close();
  }
}

/** Fires when this process is told to end. */
function endSignal(): AbortSignal {
  const end = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      end.abort();
    });
  }
  return end.signal;
}

function install(): Promise<number> {
  return runInstall(process.env, '/host', join(dirname(process.argv[1] ?? ''), '../bin'), endSignal());
}

async function upgrade(): Promise<number> {
  const { runUpgrade } = await import('./upgrade/run-upgrade.ts');
  return runUpgrade(process.env, endSignal());
}

const usage = `cni-plugin: Calico's CNI plug-ins, as a server and as programs.

Usage: cni-plugin server [options]   serves the exec'd clients on <run directory>/cni.sock (server --help)
       cni-plugin calico             one call of the network plug-in: CNI_* environment, configuration on stdin
       cni-plugin calico -t          whether the datastore of a configuration answers and is ready
       cni-plugin calico-ipam        one call of the IPAM plug-in
       cni-plugin calico-ipam -upgrade   takes over what host-local gave on the node KUBERNETES_NODE_NAME
       cni-plugin install            installs the programs and the network configuration on the host (/host), by
                                     Calico's variables: CNI_NETWORK_CONFIG, CNI_CONF_NAME, ETCD_ENDPOINTS, ...
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
      if (mode === 'calico-ipam' && rest.some((flag) => upgradeFlags.has(flag))) return upgrade();
      if (mode === 'calico' && rest.includes('-t')) process.env[testVariable] = '1';
      return runOnce(mode);
    case 'install':
      if (rest.length === 0) return install();
      process.stdout.write(rest.includes('--version') ? `${VERSION}\n` : usage);
      return rest.includes('--help') || rest.includes('--version') ? 0 : 2;
    default:
      process.stdout.write(usage);
      return mode === '--help' || mode === '-h' ? 0 : 2;
  }
}

const code = await main(process.argv.slice(2));
if (code !== undefined) process.exitCode = code;
