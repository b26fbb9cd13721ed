/**
 * Policy sync: policy as proxies beside pods enforce it, such as Dikastes, told to each over a socket in its pod.
 *
 *   intents, store ─► SyncState ─► SyncSession, one of each pod ─► gRPC stream ─► proxy
 *   creds directory ─► PodSockets ─► sockets in the pods' volumes ─────┘
 */
import { decodeResource, parseResourceKey, resourceKey } from '@calico-node/model';
import { servePolicySync, type PolicySyncCall } from '@calico-node/rpc/policy-sync';
import type { Logger } from '@calico-node/service';
import type { CalcGraph, StoreUpdate } from '../calc/calc-graph.ts';
import { workloadEndpointIdOf, type WorkloadEndpointId } from '../calc/endpoint-id.ts';
import type { Intent } from '../calc/intents.ts';
import type { PodCredentials } from './pod-credentials.ts';
import { PodSockets } from './pod-sockets.ts';
import { SyncSession } from './sync-session.ts';
import { SyncState } from './sync-state.ts';

export interface PolicySyncOptions {
  /** The directory that Calico's CSI driver keeps (PolicySyncPathPrefix). */
  readonly prefix: string;
  readonly calc: Pick<CalcGraph, 'storedRules'>;
  readonly log: Logger;
}

export interface PolicySync extends AsyncDisposable {
  /** Takes a change of the store that the calculation has taken. */
  update(update: StoreUpdate): void;
  /** Takes what is about to be programmed. */
  take(intents: readonly Intent[]): void;
}

interface Connection {
  readonly session: SyncSession;
  readonly call: PolicySyncCall;
  /** The proxy has yet to read what it was told. */
  isFull: boolean;
}

/** Serves until it is disposed of. */
export function openPolicySync({ prefix, calc, log }: PolicySyncOptions): PolicySync {
  const state = new SyncState({
    policy: ({ kind, name, namespace }) => calc.storedRules(resourceKey(kind, name, namespace)),
    profile: (name) => calc.storedRules(resourceKey('Profile', name)),
  });
  const connections = new Map<WorkloadEndpointId, Connection>();
  const tell = (id: WorkloadEndpointId, connection: Connection): void => {
    if (connection.isFull) return;
    const { session, call } = connection;
    for (const payload of session.payloads())
      connection.isFull = !call.write({ sequenceNumber: 0n, payload }) || connection.isFull;
    if (session.isOver) end(id, connection);
  };
  const end = (id: WorkloadEndpointId, connection: Connection): void => {
    if (connections.get(id) === connection) connections.delete(id);
    connection.call.end();
  };
  const join = (pod: PodCredentials, call: PolicySyncCall): void => {
    // As in Calico: a pod of Kubernetes with its one interface.
    const id = workloadEndpointIdOf({
      orchestratorId: 'k8s',
      workloadId: `${pod.namespace}/${pod.workload}`,
      endpointId: 'eth0',
    });
    const older = connections.get(id);
    if (older !== undefined) end(id, older);
    const connection = { session: new SyncSession(state, id), call, isFull: false };
    connections.set(id, connection);
    log.info({ ...pod }, 'a proxy has joined');
    call.on('drain', () => {
      connection.isFull = false;
      if (connections.get(id) === connection) tell(id, connection);
    });
    call.on('cancelled', () => {
      if (connections.get(id) !== connection) return;
      connections.delete(id);
      log.info({ ...pod }, 'a proxy has left');
    });
    call.on('error', (error) => {
      log.debug({ err: error, ...pod }, 'a proxy could not be told of policy');
    });
    tell(id, connection);
  };
  const stop = new AbortController();
  const sockets = new PodSockets({
    prefix,
    serve: (path, pod) =>
      servePolicySync(path, (call) => {
        join(pod, call);
      }),
    log,
  });
  const running = sockets.run(stop.signal).catch((error: unknown) => {
    log.error({ err: error }, 'policy is no longer served to pods');
  });
  return {
    update: (update) => {
      const profile = takeProfile(state, update);
      if (profile !== undefined) for (const { session } of connections.values()) session.touch(profile);
    },
    take: (intents) => {
      state.take(intents);
      for (const [id, connection] of connections) tell(id, connection);
    },
    [Symbol.asyncDispose]: async () => {
      for (const [id, connection] of connections) end(id, connection);
      stop.abort();
      await running;
    },
  };
}

/** The profile's name, if it says something of a namespace or service account. */
function takeProfile(state: SyncState, { key, value, revision }: StoreUpdate): string | undefined {
  const resource = parseResourceKey(key);
  if (resource?.kind !== 'Profile') return undefined;
  try {
    const profile = value === undefined ? undefined : decodeResource('Profile', value, revision);
    return state.setProfile(resource.name, profile) ? resource.name : undefined;
  } catch {
    // The calculation has said what is wrong with it.
    return state.setProfile(resource.name, undefined) ? resource.name : undefined;
  }
}
