import { statSync } from 'node:fs';
import type { Family } from '@calico-node/net';
import { bgpV1, callUnary, connectUnix, nodeV1 } from '@calico-node/rpc';
import type { NodePaths } from '@calico-node/service';
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

async function withBgp<T>(paths: NodePaths, use: (client: bgpV1.BgpServiceClient) => Promise<T>): Promise<T> {
  const client = connectUnix(bgpV1.BgpServiceClient, paths.bgpSocket);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function ageSeconds(path: string): number {
  try {
    return (Date.now() - statSync(path).mtimeMs) / 1000;
  } catch {
    return 0;
  }
}

export async function probeBgpReady(paths: NodePaths, family: Family, thresholdSeconds: number): Promise<Verdict> {
  try {
    return await withBgp(paths, async (client) => {
      const [{ peers }, status] = await Promise.all([
        callUnary(client.listPeers.bind(client), bgpV1.ListPeersRequest.create(), { timeoutMs }),
        callUnary(client.getStatus.bind(client), bgpV1.GetStatusRequest.create(), { timeoutMs }),
      ]);
      const facts = {
        peers,
        isRestarting: status.restarting,
        secondsSinceStart: ageSeconds(paths.nodenameFile),
        thresholdSeconds,
      };
      return judgeBgp(facts, family);
    });
  } catch (error) {
    return `bgp-daemon does not answer on ${paths.bgpSocket}: ${error instanceof Error ? error.message : String(error)}`;
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

/** BGP is live when the supervisor keeps both of its processes running, and the daemon answers. */
export async function probeBgpLive(paths: NodePaths): Promise<Verdict> {
  try {
    const { processes } = await fetchNodeStatus(paths);
    for (const name of ['confd', 'bgp-daemon']) {
      const found = processes.find((candidate) => candidate.name === name);
      if (found === undefined) return `${name} is not part of this node's back end`;
      if (found.pid === 0) return `${name} is not running: ${found.reason}`;
    }
    await withBgp(paths, (client) =>
      callUnary(client.getStatus.bind(client), bgpV1.GetStatusRequest.create(), { timeoutMs }),
    );
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
