import { basename } from 'node:path';
import type { Backend } from '@calico-node/datastore';
import { resourcePrefix, type WorkloadEndpoint } from '@calico-node/model';
import type { ConfdConfig } from './config.ts';
import { isForWorkloads } from './derive/peers.ts';
import type { BgpResources, RenderProblem } from './derive/resources.ts';
import { NotApplied } from './destination.ts';
import { birdCommands } from './files/bird-commands.ts';
import { writeFileSet, type DaemonCommands } from './files/file-set-writer.ts';
import { applyWorkloads } from './local-workloads.ts';
import { renderFiles } from './render-files.ts';
import { renderBgpConfig } from './render/render.ts';
import { ResourceCache, watchedPrefixes } from './resource-cache.ts';
import { NameLookups } from './templates/name-lookups.ts';

/** Renders what the store holds now: to standard output, or to BIRD's files. Throws NotApplied. */
export async function runOnce({ render, target }: ConfdConfig, backend: Backend, signal: AbortSignal): Promise<void> {
  const resources = await readResources(render.nodeName, backend, signal);
  if (!resources.nodes.some(({ metadata }) => metadata.name === render.nodeName)) {
    process.stderr.write(`node ${render.nodeName} is not in the store: it has no sessions\n`);
  }
  if (target.backend === 'native') {
    const { config, problems } = renderBgpConfig(resources, render);
    printProblems(problems);
    process.stdout.write(`${JSON.stringify(config, null, 2)}\n`);
    return;
  }
  const lookups = new NameLookups(() => undefined);
  const renderNow = (): ReturnType<typeof renderFiles> => renderFiles(resources, render, target, lookups);
  let rendered = renderNow();
  while (lookups.isWaiting) {
    await lookups.settled();
    rendered = renderNow();
  }
  lookups.close();
  const { config: sets, problems } = rendered;
  printProblems(problems);
  const { check } = birdCommands(target);
  for (const set of sets)
    await writeFileSet(set, set.directory ?? target.directory, checkedWherePossible(check), signal, target.keepsStaged);
}

/** Files may be rendered where there is no BIRD. */
function checkedWherePossible(check: DaemonCommands['check']): DaemonCommands['check'] {
  return async (mainFile, signal) => {
    try {
      await check(mainFile, signal);
    } catch (error) {
      if (!(error instanceof NotApplied) || error.code !== 'unreachable') throw error;
      process.stderr.write(`${basename(mainFile)} is not checked: ${error.message}\n`);
    }
  };
}

async function readResources(nodeName: string, backend: Backend, signal: AbortSignal): Promise<BgpResources> {
  const cache = new ResourceCache();
  for (const prefix of watchedPrefixes(nodeName)) {
    for (const { key, error } of cache.apply((await backend.list(prefix, { signal })).items)) {
      process.stderr.write(`${key}: not readable, treated as absent: ${String(error)}\n`);
    }
  }
  const resources = cache.resources();
  if (!resources.peers.some(isForWorkloads)) return resources;
  const endpoints = new Map<string, WorkloadEndpoint>();
  const { items } = await backend.list(resourcePrefix('WorkloadEndpoint'), { signal });
  applyWorkloads(endpoints, items, nodeName, (key, error) => {
    process.stderr.write(`${key}: not readable, treated as absent: ${String(error)}\n`);
  });
  return { ...resources, workloads: [...endpoints.values()] };
}

function printProblems(problems: readonly RenderProblem[]): void {
  for (const { subject, message } of problems) process.stderr.write(`${subject}: ${message}\n`);
}
