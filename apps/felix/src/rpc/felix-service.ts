import type { NodePolicy } from '@calico-node/policy';
import { felixV1, RpcError, unary } from '@calico-node/rpc';
import type { CalcGraph } from '../calc/calc-graph.ts';
import { workloadEndpointIdOf, type WorkloadEndpointIdentity } from '../calc/endpoint-id.ts';
import { policiesOf, type LocalWorkloadEndpoint } from '../calc/intents.ts';
import type { Engine } from '../dataplane/engine.ts';
import type { InterfaceState } from '../dataplane/interfaces/workload-interfaces.ts';
import type { VerifyingNode } from '../explain/verify-flow.ts';
import { answerExplainFlow } from './explain.ts';
import { listConnections } from './list-connections.ts';
import { lookUpRoute } from './look-up-route.ts';
import type { FlowVerifier } from './verify.ts';

const stateNumber = {
  up: felixV1.EndpointState.UP,
  down: felixV1.EndpointState.DOWN,
  error: felixV1.EndpointState.ERROR,
} as const;

const reasonOf = (state: InterfaceState): string => (state.state === 'up' ? '' : state.reason);

/** @throws RpcError INVALID_ARGUMENT when a part is missing. */
function identityOf(id: felixV1.WorkloadEndpointId | undefined): WorkloadEndpointIdentity {
  const { orchestratorId = '', workloadId = '', endpointId = '' } = id ?? {};
  const missing = Object.entries({ orchestratorId, workloadId, endpointId }).find(([, value]) => value === '');
  if (missing !== undefined) throw new RpcError('INVALID_ARGUMENT', `id.${missing[0]} is missing`);
  return { orchestratorId, workloadId, endpointId };
}

function toWire(endpoint: LocalWorkloadEndpoint, state: InterfaceState): felixV1.Endpoint {
  const policies = endpoint.tiers.flatMap((tier) => [...policiesOf(tier.ingress), ...policiesOf(tier.egress)]);
  return {
    id: endpoint.identity,
    interfaceName: endpoint.interfaceName,
    addresses: [...endpoint.addresses],
    state: stateNumber[state.state],
    reason: reasonOf(state),
    policies: [...new Set<string>(policies)],
    profiles: [...endpoint.profiles],
  };
}

/** What Felix is set to. */
export type FelixNode = Omit<VerifyingNode, 'endpoints'> & {
  /** Says where the Kubernetes API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** The implementation of proto/calico/felix/v1 on an engine, and on the graph that feeds it. */
export function felixService(
  engine: Engine,
  graph: CalcGraph,
  policy: NodePolicy,
  node: FelixNode,
): felixV1.FelixServiceServer {
  // Rarely asked for: not loaded before.
  let verifier: Promise<FlowVerifier> | undefined;
  const endpoints = () => [...engine.endpoints.values()].map(({ endpoint }) => endpoint);
  const loadVerifier = async (): Promise<FlowVerifier> => {
    const verify = await import('./verify.ts');
    return new verify.FlowVerifier(graph, policy, { ...node, endpoints });
  };
  return {
    waitForEndpoint: unary(async ({ id, minRevision }: felixV1.WaitForEndpointRequest, { signal }) => {
      const programmed = await engine.whenProgrammed(workloadEndpointIdOf(identityOf(id)), minRevision, signal);
      if (programmed === undefined) throw new RpcError('CANCELLED', 'the caller gave up');
      const { state } = programmed;
      return { state: stateNumber[state.state], reason: reasonOf(state), revision: engine.revisions.applied };
    }),
    waitForRevision: unary(async ({ revision }: felixV1.WaitForRevisionRequest, { signal }) => {
      await engine.revisions.reached(revision, signal);
      const appliedUnixNanos = engine.revisions.appliedAt(revision);
      if (appliedUnixNanos === undefined) throw new RpcError('CANCELLED', 'the caller gave up');
      return { appliedRevision: engine.revisions.applied, appliedUnixNanos };
    }),
    listEndpoints: unary(() => ({
      endpoints: [...engine.endpoints]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { endpoint, state }]) => toWire(endpoint, state)),
    })),
    explainEndpoint: unary(async ({ name }: felixV1.ExplainEndpointRequest) => {
      const { answerExplainEndpoint } = await import('./explain-endpoint.ts');
      const programmed = () =>
        [...engine.endpoints.values()].map(({ endpoint, state }) => ({ endpoint, wire: toWire(endpoint, state) }));
      return answerExplainEndpoint(name, { graph, node: { ...node, endpoints }, programmed });
    }),
    explainFlow: unary((request: felixV1.ExplainFlowRequest, { signal }) =>
      answerExplainFlow(graph, policy, { ...node, endpoints }, request, node.env, signal),
    ),
    verifyFlow: unary(async (request: felixV1.VerifyFlowRequest) => {
      verifier ??= loadVerifier();
      return (await verifier).answer(request);
    }),
    listConnections: unary(() => listConnections(node)),
    lookUpRoute: unary(({ address }: felixV1.LookUpRouteRequest) => lookUpRoute(address, node.netns)),
    getStatus: unary(() => {
      const { received, applies, failures, writes, lastError } = engine.status;
      return {
        inSync: engine.isInSync,
        receivedRevision: received,
        appliedRevision: engine.revisions.applied,
        dataplane: node.filter.kind === 'nftables' ? 'nftables' : `iptables-${node.filter.variant}`,
        applies,
        failures,
        kernelWrites: BigInt(writes),
        lastError,
      };
    }),
  };
}
