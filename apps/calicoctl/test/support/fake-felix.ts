import { join } from 'node:path';
import { felixV1, RpcError, serveUnix, unary, type RunningServer } from '@calico-node/rpc';

/** Serves, on the socket of Felix in a run directory, what it is given of Felix's calls; the others are refused. */
export function serveFelix(runDirectory: string, calls: Partial<felixV1.FelixServiceServer>): Promise<RunningServer> {
  const absent = unary((): never => {
    throw new RpcError('UNIMPLEMENTED', 'not asked for here');
  });
  const service: felixV1.FelixServiceServer = {
    waitForEndpoint: absent,
    waitForRevision: absent,
    listEndpoints: absent,
    getStatus: absent,
    explainEndpoint: absent,
    explainFlow: absent,
    verifyFlow: absent,
    listConnections: absent,
    lookUpRoute: absent,
    ...calls,
  };
  return serveUnix(join(runDirectory, 'felix.sock'), [[felixV1.FelixServiceService, service]]);
}
