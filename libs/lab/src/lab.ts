import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { deleteNetns } from '@calico-node/netlink';
import { startEtcd, waitForEtcd } from './etcd.ts';
import { createFabric, createNodeNamespace } from './fabric.ts';
import { startNode, waitForNode } from './node.ts';
import { endProcesses, processesOf } from './processes.ts';
import { program } from './programs.ts';
import { labDir, labExists, type LabState, writeState } from './state.ts';
import { type LabOptions, type LabPlan, namespaceOf, type NodePlan, planLab } from './topology.ts';
import { attachWorkload, detachWorkload } from './workload.ts';

/** Called with a line for the user as the work goes on. */
export type Progress = (line: string) => void;

export interface WorkloadRequest {
  readonly node: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Makes a lab: a fabric with etcd, and nodes that run the full set of processes, ready.
 * A lab of the same name that somebody left behind is taken down first.
 */
export async function up(options: LabOptions, progress: Progress): Promise<LabState> {
  const plan = planLab(options);
  program('calico-node');
  if (labExists(plan.name) || leftovers(plan.name).length > 0) {
    progress(`taking down what is left of lab '${plan.name}'`);
    await down(plan.name);
  }
  mkdirSync(labDir(plan.name), { recursive: true, mode: 0o700 });
  const state: LabState = { plan, workloads: [] };
  writeState(state);
  createFabric(plan);
  startEtcd(plan);
  for (const node of plan.nodes) createNodeNamespace(plan, node);
  progress(`${plan.nodes.length} nodes cabled to a fabric`);
  await waitForEtcd(plan, options.readyTimeoutMs);
  progress(`etcd answers on ${plan.etcdEndpoint}`);
  for (const node of plan.nodes) startNode(plan, node);
  await Promise.all(
    plan.nodes.map(async (node) => {
      await waitForNode(plan, node, options.readyTimeoutMs);
      progress(`${node.name} is ready (${node.address})`);
    }),
  );
  return state;
}

/** Attaches workloads; those on different nodes at once, those on one node one after the other. */
export async function attach(
  state: LabState,
  requests: readonly WorkloadRequest[],
  progress: Progress,
): Promise<LabState> {
  const byNode = Map.groupBy(requests, (request) => request.node);
  const results = await Promise.all(
    [...byNode].map(async ([nodeName, own]) => {
      const node = findNode(state.plan, nodeName);
      const made = [];
      for (const { name, labels } of own) {
        const workload = await attachWorkload(state.plan, node, name, labels);
        progress(`${name} on ${nodeName} has ${workload.addresses.join(', ')}`);
        made.push(workload);
      }
      return made;
    }),
  );
  const workloads = [...state.workloads, ...results.flat()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const next: LabState = { ...state, workloads };
  writeState(next);
  return next;
}

/** Detaches one workload. @throws Error when there is none of that name. */
export async function detach(state: LabState, name: string): Promise<LabState> {
  const workload = state.workloads.find((candidate) => candidate.name === name);
  if (workload === undefined) throw new Error(`there is no workload '${name}'`);
  await detachWorkload(state.plan, findNode(state.plan, workload.node), workload);
  const next: LabState = { ...state, workloads: state.workloads.filter((other) => other !== workload) };
  writeState(next);
  return next;
}

/** @throws Error when the lab has no such node. */
export function findNode(plan: LabPlan, name: string): NodePlan {
  const node = plan.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`lab '${plan.name}' has no node '${name}'`);
  return node;
}

/** The network namespaces of a lab, found by name. */
function leftovers(name: string): string[] {
  if (!existsSync('/run/netns')) return [];
  return readdirSync('/run/netns').filter((entry) => entry.startsWith(namespaceOf(name, '')));
}

/**
 * Takes a lab down: every process, namespace, link and file, whatever state it was left in.
 * A lab that does not exist is down already.
 */
export async function down(name: string): Promise<void> {
  await endProcesses(name, 5000);
  for (const netns of leftovers(name)) deleteNetns(netns);
  rmSync(labDir(name), { recursive: true, force: true });
  try {
    rmdirSync(dirname(labDir(name)));
  } catch {
    // other labs are there
  }
}

/** Whether anything of a lab is there, also after a crash. */
export function isUp(name: string): boolean {
  return labExists(name) || leftovers(name).length > 0 || processesOf(name).length > 0;
}
