import { felixV1, serveUnix, unary, type RunningServer } from '@calico-node/rpc';

/** Stands in for felix, and for nothing else: it says UP to every endpoint that it is asked about. */
export interface FakeFelix extends AsyncDisposable {
  readonly asked: felixV1.WaitForEndpointRequest[];
  /** What it answers from now on; undefined: nothing, until the caller gives up. */
  state: felixV1.EndpointState | undefined;
  stop(): Promise<void>;
}

export async function startFakeFelix(socket: string): Promise<FakeFelix> {
  const asked: felixV1.WaitForEndpointRequest[] = [];
  const felix = {
    asked,
    state: felixV1.EndpointState.UP as felixV1.EndpointState | undefined,
    stop: (): Promise<void> => server.close(),
    [Symbol.asyncDispose]: (): Promise<void> => server.close(),
  };
  const service: felixV1.FelixServiceServer = {
    waitForEndpoint: unary<felixV1.WaitForEndpointRequest, felixV1.WaitForEndpointResponse>((request, { signal }) => {
      asked.push(request);
      const { state } = felix;
      if (state !== undefined) return { state, reason: '', revision: request.minRevision };
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('given up'));
        });
      });
    }),
    waitForRevision: unary<felixV1.WaitForRevisionRequest, felixV1.WaitForRevisionResponse>(({ revision }) => ({
      appliedRevision: revision,
      appliedUnixNanos: 0n,
    })),
    listEndpoints: unary<felixV1.ListEndpointsRequest, felixV1.ListEndpointsResponse>(() => ({ endpoints: [] })),
    explainEndpoint: unary(() => felixV1.ExplainEndpointResponse.fromPartial({})),
    verifyFlow: unary(() => felixV1.VerifyFlowResponse.fromPartial({})),
    listConnections: unary(() => felixV1.ListConnectionsResponse.fromPartial({})),
    lookUpRoute: unary(() => ({ entry: undefined, answer: undefined })),
    explainFlow: unary<felixV1.ExplainFlowRequest, felixV1.ExplainFlowResponse>(() =>
      felixV1.ExplainFlowResponse.fromPartial({ allowed: true }),
    ),
    getStatus: unary<felixV1.GetStatusRequest, felixV1.GetStatusResponse>(() =>
      felixV1.GetStatusResponse.fromPartial({ inSync: true }),
    ),
  };
  const server: RunningServer = await serveUnix(socket, [[felixV1.FelixServiceService, service]]);
  return felix;
}
