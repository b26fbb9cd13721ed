import { statSync } from 'node:fs';
import type { Family } from '@calico-node/net';
import { callUnary, connectUnix, nodeV1 } from '@calico-node/rpc';
import type { NodePaths } from '@calico-node/service';
import { bgpSource } from '../bgp/source.ts';
import { judgeBgp } from './bgp-verdict.ts';

type Variables = Readonly<Record<string, string | undefined>>;
const timeoutMs = 5_000;

/** What is wrong, in words; undefined when all is well. */
export type Verdict = string | undefined;

/** Felix's own health endpoint: FELIX_HEALTHHOST:FELIX_HEALTHPORT, by default localhost:9099. */
export async function probeFelix(env: Variables, kind: 'readiness' | 'liveness'): Promise<Verdict> {
  const host = env['FELIX_HEALTHHOST'] ?? 'localhost';
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${env['FELIX_HEALTHPORT'] ?? '9099'}/${kind}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (response.status >= 200 && response.status < 400) return undefined;
    return `felix is not ${kind === 'readiness' ? 'ready' : 'live'}: ${(await response.text()).trim()}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return `felix is not ${kind === 'readiness' ? 'ready' : 'live'}: ${url}: ${cause}`;
  }
}

function ageSeconds(path: string): number {
  try {
    return (Date.now() - statSync(path).mtimeMs) / 1000;
  } catch {
    return 0;
  }
}

export async function probeBgpReady(
  paths: NodePaths,
  env: Variables,
  family: Family,
  thresholdSeconds: number,
): Promise<Verdict> {
  const source = bgpSource(paths, env);
  try {
    const [sessions, isRestarting] = await Promise.all([source.sessions(family), source.isRestarting(family)]);
    return judgeBgp({
      sessions,
      isRestarting,
      secondsSinceStart: ageSeconds(paths.nodenameFile),
      thresholdSeconds,
    });
  } catch (error) {
    return `${source.name} does not answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The supervisor's view of the node. @throws RpcError when no supervisor answers. */
export async function fetchNodeStatus(paths: NodePaths): Promise<nodeV1.GetStatusResponse> {
  const client = connectUnix(nodeV1.NodeServiceClient, paths.nodeSocket);
  try {
    return await callUnary(client.getStatus.bind(client), nodeV1.GetStatusRequest.create(), { timeoutMs });
  } finally {
    client.close();
  }
}

/** BGP is live when the supervisor keeps confd and the daemon of the family running, and the daemon answers. */
export async function probeBgpLive(paths: NodePaths, env: Variables, family: Family): Promise<Verdict> {
  try {
    const { processes, backend } = await fetchNodeStatus(paths);
    const daemon = backend === 'bird' ? (family === 4 ? 'bird' : 'bird6') : 'bgp-daemon';
    for (const name of ['confd', daemon]) {
      const found = processes.find((candidate) => candidate.name === name);
      if (found === undefined) return `${name} is not part of this node's back end`;
      if (found.pid === 0) return `${name} is not running: ${found.reason}`;
    }
    await bgpSource(paths, { ...env, CALICO_BGP_BACKEND: backend }).agent(family);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
