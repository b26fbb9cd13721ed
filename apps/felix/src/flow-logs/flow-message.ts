/** Flows in the words of Goldmane's API. */
import { Action, EndpointType, PolicyKind, Reporter } from '@calico-node/rpc/goldmane';
import type { Flow as FlowMessage, FlowKey as KeyMessage, PolicyHit } from '@calico-node/rpc/goldmane';
import type { End } from './ends.ts';
import type { Flow, FlowKey, TracedHit } from './flow.ts';
import type { Hit, HitAction, HitKind } from './hit.ts';

const endpointTypes: Readonly<Record<End['type'], EndpointType>> = {
  workload: EndpointType.WORKLOAD_ENDPOINT,
  host: EndpointType.HOST_ENDPOINT,
  'network-set': EndpointType.NETWORK_SET,
  network: EndpointType.NETWORK,
};
const actions: Readonly<Record<HitAction, Action>> = {
  Allow: Action.ALLOW,
  Deny: Action.DENY,
  Pass: Action.PASS,
};
const kinds: Readonly<Record<HitKind, PolicyKind>> = {
  NetworkPolicy: PolicyKind.CALICO_NETWORK_POLICY,
  GlobalNetworkPolicy: PolicyKind.GLOBAL_NETWORK_POLICY,
  StagedNetworkPolicy: PolicyKind.STAGED_NETWORK_POLICY,
  StagedGlobalNetworkPolicy: PolicyKind.STAGED_GLOBAL_NETWORK_POLICY,
  StagedKubernetesNetworkPolicy: PolicyKind.STAGED_KUBERNETES_NETWORK_POLICY,
  KubernetesNetworkPolicy: PolicyKind.NETWORK_POLICY,
  Profile: PolicyKind.PROFILE,
  EndOfTier: PolicyKind.END_OF_TIER,
};
/** As Calico names protocols; others are numbers. */
const protocolNames: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmp6',
  132: 'sctp',
};
const absent = '-';

export function flowToMessage(flow: Flow): FlowMessage {
  return {
    key: keyToMessage(flow.key),
    startTime: seconds(flow.startMs),
    endTime: seconds(flow.endMs),
    sourceLabels: [...flow.sourceLabels],
    destLabels: [...flow.destinationLabels],
    packetsIn: BigInt(flow.packetsIn),
    packetsOut: BigInt(flow.packetsOut),
    bytesIn: BigInt(flow.bytesIn),
    bytesOut: BigInt(flow.bytesOut),
    numConnectionsStarted: BigInt(flow.started),
    numConnectionsCompleted: BigInt(flow.completed),
    numConnectionsLive: BigInt(flow.live),
  };
}

function keyToMessage(key: FlowKey): KeyMessage {
  const { source, destination, service, protocol } = key;
  return {
    sourceName: source.name,
    sourceNamespace: source.namespace,
    sourceType: endpointTypes[source.type],
    destName: destination.name,
    destNamespace: destination.namespace,
    destType: endpointTypes[destination.type],
    destPort: BigInt(key.destinationPort),
    destServiceName: service?.name ?? absent,
    destServiceNamespace: service?.namespace ?? absent,
    destServicePortName: service === undefined || service.portName === '' ? absent : service.portName,
    destServicePort: BigInt(service?.port ?? 0),
    proto: protocolNames[protocol] ?? String(protocol),
    reporter: key.direction === 'ingress' ? Reporter.DESTINATION : Reporter.SOURCE,
    action: actions[key.action],
    policies: {
      enforcedPolicies: key.enforced.map(tracedToMessage),
      pendingPolicies: key.pending.map(tracedToMessage),
    },
  };
}

function tracedToMessage(hit: TracedHit, index: number): PolicyHit {
  const { trigger } = hit;
  return {
    ...hitToMessage(hit, index),
    trigger: trigger && { ...hitToMessage(trigger, 0), action: Action.UNSPECIFIED },
  };
}

function hitToMessage({ kind, namespace, name, tier, action, ruleIndex }: Hit, index: number): PolicyHit {
  return {
    kind: kinds[kind],
    namespace,
    name,
    tier,
    action: actions[action],
    policyIndex: BigInt(index),
    ruleIndex: BigInt(ruleIndex),
    trigger: undefined,
  };
}

function seconds(ms: number): bigint {
  return BigInt(Math.floor(ms / 1000));
}
