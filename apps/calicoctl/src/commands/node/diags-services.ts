import { goJsonStringify } from '@calico-node/model';
import { bgpV1, callUnary, connectUnix, felixV1, isRpcError, nodeV1, readRoutes } from '@calico-node/rpc';
import type { NodePaths } from '@calico-node/service';
import { indentJson } from '../../output/indent-json.ts';

const CALL_TIMEOUT_MS = 10_000;

/** One process's answer as JSON, or in words why there is none. */
export interface ServiceAnswer {
  readonly file: string;
  readonly text: string;
  /** Why there is no answer. */
  readonly failure?: string;
}

/** What this node's own processes say of themselves. BGP passwords are left out by the daemon itself. */
export async function askServices(paths: NodePaths): Promise<readonly ServiceAnswer[]> {
  const felix = connectUnix(felixV1.FelixServiceClient, paths.felixSocket);
  const bgp = connectUnix(bgpV1.BgpServiceClient, paths.bgpSocket);
  const node = connectUnix(nodeV1.NodeServiceClient, paths.nodeSocket);
  const options = { timeoutMs: CALL_TIMEOUT_MS };
  try {
    return [
      await ask('node_status.json', () => callUnary(node.getStatus.bind(node), {}, options)),
      await ask('felix_status.json', () => callUnary(felix.getStatus.bind(felix), {}, options)),
      await ask('felix_endpoints.json', () => callUnary(felix.listEndpoints.bind(felix), {}, options)),
      await ask('bgp_status.json', () => callUnary(bgp.getStatus.bind(bgp), {}, options)),
      await ask('bgp_peers.json', () => callUnary(bgp.listPeers.bind(bgp), {}, options)),
      await ask('bgp_routes.json', async () => ({ routes: await readRoutes(bgp, { prefix: '', peer: '' }) })),
      await ask('bgp_config.json', () => callUnary(bgp.getConfig.bind(bgp), {}, options)),
    ];
  } finally {
    for (const client of [felix, bgp, node]) client.close();
  }
}

async function ask(file: string, call: () => Promise<object>): Promise<ServiceAnswer> {
  try {
    return { file, text: `${indentJson(goJsonStringify(await call()))}\n` };
  } catch (error) {
    const failure = isRpcError(error, 'UNAVAILABLE')
      ? 'its process does not answer'
      : error instanceof Error
        ? error.message
        : String(error);
    return { file, text: `${failure}\n`, failure };
  }
}
