import {
  addAddress,
  createBridge,
  createNetns,
  createVeth,
  openNetns,
  RouteSocket,
  setLink,
} from '@calico-node/netlink';
import type { IpAddress } from '@calico-node/net';
import type { LabPlan, NodePlan } from './topology.ts';

type Requests = Parameters<RouteSocket['execute']>[0];

/** Runs one batch of requests; the first refusal is thrown. */
function execute(socket: RouteSocket, requests: Requests): void {
  for (const error of socket.execute(requests)) if (error !== undefined) throw error;
}

function indexOf(socket: RouteSocket, name: string): number {
  const link = socket.getLink(name);
  if (link === undefined) throw new Error(`there is no interface ${name}`);
  return link.index;
}

/** Brings the loopback and an interface up, and gives the interface its address. */
function address(socket: RouteSocket, name: string, ip: IpAddress, prefixLength: number): void {
  execute(socket, [
    setLink({ name: 'lo', up: true }),
    setLink({ name, up: true }),
    addAddress({ interfaceIndex: indexOf(socket, name), ip, prefixLength }),
  ]);
}

const bridgeName = 'fabric0';

/** The fabric's namespace: a bridge with the fabric's address, where etcd and the nodes' cables sit. */
export function createFabric(plan: LabPlan): void {
  createNetns(plan.fabricNetns);
  using socket = RouteSocket.open({ netns: plan.fabricNetns });
  execute(socket, [createBridge({ name: bridgeName })]);
  address(socket, bridgeName, plan.fabricAddress, plan.prefixLength);
}

/** A node's namespace, cabled to the fabric by eth0. */
export function createNodeNamespace(plan: LabPlan, node: NodePlan): void {
  createNetns(node.netns);
  using netns = openNetns(node.netns);
  using fabric = RouteSocket.open({ netns: plan.fabricNetns });
  execute(fabric, [
    createVeth({ name: node.fabricPort, peer: { name: 'eth0', netns } }),
    setLink({ name: node.fabricPort, master: indexOf(fabric, bridgeName), up: true }),
  ]);
  using socket = RouteSocket.open({ netns });
  address(socket, 'eth0', node.address, plan.prefixLength);
}

/** A workload's namespace, with nothing but the loopback: the CNI plug-in does the rest. */
export function createWorkloadNamespace(netns: string): void {
  createNetns(netns);
  using socket = RouteSocket.open({ netns });
  execute(socket, [setLink({ name: 'lo', up: true })]);
}
