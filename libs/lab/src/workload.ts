import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deleteNetns } from '@calico-node/netlink';
import { createWorkloadNamespace } from './fabric.ts';
import { nodeEnvironment } from './node.ts';
import { type Finished, run, startDaemon } from './processes.ts';
import { nodeBinary, program, workloadProgram } from './programs.ts';
import { labDir, nodeDirs, type Workload } from './state.ts';
import { type LabPlan, namespaceOf, type NodePlan } from './topology.ts';

/** The port on which every workload answers TCP. */
export const workloadPort = 8080;

interface NetworkList {
  readonly name: string;
  readonly cniVersion: string;
  readonly plugins: readonly Readonly<Record<string, unknown>>[];
}

/** Runs one plug-in of the node's CNI network configuration file, as a container runtime would. */
async function callPlugin(
  plan: LabPlan,
  node: NodePlan,
  action: 'ADD' | 'DEL',
  workload: Pick<Workload, 'containerId' | 'netns' | 'labels'>,
): Promise<Finished> {
  const { confDir } = nodeDirs(plan.name, node.name);
  const file = readdirSync(confDir).find((name) => name.endsWith('.conflist'));
  if (file === undefined) throw new Error(`${confDir} holds no CNI network configuration`);
  const list = JSON.parse(readFileSync(join(confDir, file), 'utf8')) as NetworkList;
  const config = {
    ...list.plugins[0],
    name: list.name,
    cniVersion: list.cniVersion,
    args: { labels: workload.labels },
  };
  return run(
    {
      lab: plan.name,
      netns: node.netns,
      command: program('calico'),
      args: [],
      env: {
        ...nodeEnvironment(plan, node),
        CNI_COMMAND: action,
        CNI_CONTAINERID: workload.containerId,
        CNI_NETNS: `/run/netns/${workload.netns}`,
        CNI_IFNAME: 'eth0',
        CNI_ARGS: 'IgnoreUnknown=1',
      },
    },
    JSON.stringify(config),
  );
}

/**
 * Makes a workload: a network namespace, attached by the CNI plug-in, with a process that answers on TCP.
 *
 * @throws Error with the plug-in's own words when it refuses.
 */
export async function attachWorkload(
  plan: LabPlan,
  node: NodePlan,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<Workload> {
  const netns = namespaceOf(plan.name, name);
  const identity = { containerId: name, netns, labels };
  createWorkloadNamespace(netns);
  try {
    const { code, stdout, stderr } = await callPlugin(plan, node, 'ADD', identity);
    if (code !== 0) throw new Error(`CNI ADD of ${name} on ${node.name} failed: ${stdout || stderr}`);
    const result = JSON.parse(stdout) as { ips: { address: string }[] };
    const addresses = result.ips.map((ip) => ip.address.replace(/\/\d+$/, ''));
    const pid = startDaemon(
      { lab: plan.name, netns, command: nodeBinary, args: [workloadProgram, 'listen', String(workloadPort), name] },
      join(labDir(plan.name), `${name}.log`),
    );
    return { ...identity, name, node: node.name, addresses, pid };
  } catch (error) {
    deleteNetns(netns);
    throw error;
  }
}

/** Detaches a workload through the CNI plug-in and removes its namespace. */
export async function detachWorkload(plan: LabPlan, node: NodePlan, workload: Workload): Promise<void> {
  const { code, stdout, stderr } = await callPlugin(plan, node, 'DEL', workload);
  if (code !== 0) throw new Error(`CNI DEL of ${workload.name} on ${node.name} failed: ${stdout || stderr}`);
  try {
    process.kill(workload.pid, 'SIGKILL');
  } catch {
    // gone already
  }
  deleteNetns(workload.netns);
}
