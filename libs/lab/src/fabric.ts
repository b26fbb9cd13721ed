import {
  addAddress,
  createBridge,
  createNetns,
  createVeth,
  type RouteRequest,
  RouteSocket,
  setLink,
} from '@calico-node/netlink';
import type { LabPlan, NodePlan } from './topology.ts';

/** Runs one batch of requests in a namespace; the first refusal is thrown. */
function configure(netns: string, requests: readonly RouteRequest[]): void {
  using socket = RouteSocket.open({ netns: `/run/netns/${netns}` });
  for (const error of socket.execute(requests)) if (error !== undefined) throw error;
}

/** The fabric's namespace: a bridge with the fabric's address, where etcd and the nodes' cables sit. */
export function createFabric(plan: LabPlan): void {
  createNetns(plan.fabricNetns);
  configure(plan.fabricNetns, [
    setLink({ name: 'lo', up: true }),
    createBridge({ name: 'fabric0' }),
    setLink({ name: 'fabric0', up: true }),
    addAddress({ interfaceName: 'fabric0', address: plan.fabricAddress, prefixLength: plan.prefixLength }),
  ]);
}

/** A node's namespace, cabled to the fabric by eth0. */
export function createNodeNamespace(plan: LabPlan, node: NodePlan): void {
  createNetns(node.netns);
  configure(plan.fabricNetns, [
    createVeth({ name: node.fabricPort, peer: { name: 'eth0', netns: `/run/netns/${node.netns}` } }),
    setLink({ name: node.fabricPort, master: 'fabric0', up: true }),
  ]);
  configure(node.netns, [
    setLink({ name: 'lo', up: true }),
    setLink({ name: 'eth0', up: true }),
    addAddress({ interfaceName: 'eth0', address: node.address, prefixLength: plan.prefixLength }),
  ]);
}

/** A workload's namespace, with nothing but the loopback: the CNI plug-in does the rest. */
export function createWorkloadNamespace(netns: string): void {
  createNetns(netns);
  configure(netns, [setLink({ name: 'lo', up: true })]);
}
