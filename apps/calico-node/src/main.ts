#!/usr/bin/env node
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { ConfigError, nodePaths, runService, VERSION } from '@calico-node/service';
import { parseMode, usage, UsageError, type Mode, type Probe } from './arguments.ts';
import { fetchNodeStatus, probeBgpLive, probeBgpReady, probeFelix, type Verdict } from './probes/probes.ts';
import { renderStatus } from './probes/show-status.ts';
import { runNode } from './run-node.ts';
import { runProgram } from './run-program.ts';
import { determineNodeName } from './startup/node-name.ts';
import { runStartup } from './startup/run-startup.ts';
import { nodeComponent } from './supervisor/node-components.ts';

const description = 'start-up and supervision of the processes of one node';

function runProbe(probe: Probe, thresholdSeconds: number): Promise<Verdict> {
  const paths = nodePaths(process.env);
  switch (probe) {
    case 'felix-ready':
      return probeFelix(process.env, 'readiness');
    case 'felix-live':
      return probeFelix(process.env, 'liveness');
    case 'bird-ready':
      return probeBgpReady(paths, 4, thresholdSeconds);
    case 'bird6-ready':
      return probeBgpReady(paths, 6, thresholdSeconds);
    case 'bird-live':
    case 'bird6-live':
      return probeBgpLive(paths);
  }
}

async function probeAll(mode: Extract<Mode, { kind: 'probe' }>): Promise<number> {
  const verdicts = await Promise.all(mode.probes.map((probe) => runProbe(probe, mode.thresholdSeconds)));
  const wrong = verdicts.filter((verdict) => verdict !== undefined);
  if (wrong.length === 0) return 0;
  process.stdout.write(`calico/node is not ready: ${wrong.join('; ')}\n`);
  return 1;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function runOne(program: string, rest: readonly string[]): Promise<number> {
  const paths = nodePaths(process.env);
  const { name } = determineNodeName(process.env, readOptional(paths.nodenameFile), hostname());
  mkdirSync(paths.runDir, { recursive: true });
  const spec = nodeComponent(program, {
    ownFile: import.meta.filename,
    nodeBinary: process.execPath,
    nodeName: name,
    env: process.env,
  });
  if (spec === undefined) throw new UsageError(`there is no program '${program}'`);
  return runProgram(spec, rest);
}

function recordShutdown(): number {
  const paths = nodePaths(process.env);
  const path = process.env['CALICO_SHUTDOWN_TIMESTAMP_FILE'] ?? `${paths.libDir}/shutdownTS`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${new Date().toISOString()}\n`);
  return 0;
}

async function run(mode: Mode): Promise<number | undefined> {
  switch (mode.kind) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case 'probe':
      return probeAll(mode);
    case 'show-status': {
      const status = await fetchNodeStatus(nodePaths(process.env));
      process.stdout.write(renderStatus(status));
      return status.ready ? 0 : 1;
    }
    case 'shutdown':
      return recordShutdown();
    case 'program':
      return runOne(mode.program, mode.rest);
    case 'startup':
      await runService(
        {
          name: 'calico-node',
          description,
          healthAddress: 'off',
          run: async ({ env, log, signal }) => {
            await runStartup({ env, log, signal });
          },
        },
        [...mode.rest],
      );
      return undefined;
    case 'all':
      await runService(
        {
          name: 'calico-node',
          description,
          healthAddress: '127.0.0.1:9190',
          run: (context) => runNode(context, import.meta.filename),
        },
        [...mode.rest],
      );
      return undefined;
  }
}

try {
  const code = await run(parseMode(process.argv.slice(2)));
  if (code !== undefined) process.exitCode = code;
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof ConfigError;
  process.stderr.write(`calico-node: ${error instanceof Error ? error.message : String(error)}\n`);
  if (isUsage) process.stderr.write("Try 'calico-node --help'.\n");
  process.exitCode = isUsage ? 2 : 1;
}
