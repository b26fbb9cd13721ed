import type * as bgpV1 from './gen/calico/bgp/v1/bgp.ts';
import { callStreaming } from './streaming.ts';

/**
 * The routes that a BGP daemon is asked for, however many they are: it tells them in pieces.
 *
 * @throws RpcError as `callStreaming` does.
 */
export async function readRoutes(
  client: bgpV1.BgpServiceClient,
  request: bgpV1.ListRoutesRequest,
  options: { readonly timeoutMs?: number } = {},
): Promise<bgpV1.Route[]> {
  const routes: bgpV1.Route[] = [];
  for await (const piece of callStreaming(client.streamRoutes.bind(client), request, options))
    routes.push(...piece.routes);
  return routes;
}
