import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callUnary, connectUnix, nodeV1 } from '@calico-node/rpc';
import { sleep } from '@calico-node/service';
import { distDir, program } from './programs.ts';
import { startDaemon } from './processes.ts';
import { nodeDirs } from './state.ts';
import type { LabPlan, NodePlan } from './topology.ts';

/** The CNI network that the lab's workloads join; also the name of their profile. */
export const networkName = 'lab';

/** What a node's programs, and a user's commands on the node, find in their environment. */
export function nodeEnvironment(plan: LabPlan, node: NodePlan): Record<string, string> {
  const dirs = nodeDirs(plan.name, node.name);
  return {
    NODENAME: node.name,
    DATASTORE_TYPE: 'etcdv3',
    ETCD_ENDPOINTS: plan.etcdEndpoint,
    CALICO_RUN_DIR: dirs.runDir,
    CALICO_LIB_DIR: dirs.libDir,
    CNI_PATH: join(distDir, 'bin'),
    NETCONFPATH: dirs.confDir,
    PATH: `${join(distDir, 'bin')}:${process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`,
  };
}

/** Writes the CNI network configuration that a container runtime on the node would read. */
function writeNetworkConfig(plan: LabPlan, node: NodePlan, nodenameFile: string): void {
  const dirs = nodeDirs(plan.name, node.name);
  const config = {
    name: networkName,
    cniVersion: '1.0.0',
    plugins: [
      {
        type: 'calico',
        log_level: 'info',
        datastore_type: 'etcdv3',
        etcd_endpoints: plan.etcdEndpoint,
        nodename_file: nodenameFile,
        mtu: 1500,
        ipam: { type: 'calico-ipam' },
      },
    ],
  };
  writeFileSync(join(dirs.confDir, '10-calico.conflist'), `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

/** Restarts what ends with an error, as a container runtime or systemd does with calico-node. */
const keepRunning = 'until "$0"; do sleep 0.2; done';

/** Makes a node's directories, with the network configuration in them; the CNI server reads `nodenameFile`. */
export function prepareNode(plan: LabPlan, node: NodePlan, nodenameFile?: string): void {
  const dirs = nodeDirs(plan.name, node.name);
  for (const dir of [dirs.runDir, dirs.libDir, dirs.confDir]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  writeNetworkConfig(plan, node, nodenameFile ?? dirs.nodenameFile);
}

/** How a lab's calico-node is set up, beyond what every program on the node finds in its environment. */
export function nodeSettings(plan: LabPlan): Record<string, string> {
  return {
    IP: 'autodetect',
    CALICO_NETWORKING_BACKEND: 'native',
    CALICO_IPV4POOL_CIDR: plan.podCidr,
    CALICO_IPV4POOL_IPIP: 'Never',
    CALICO_IPV4POOL_VXLAN: 'Never',
    CALICO_IPV4POOL_NAT_OUTGOING: 'false',
    CALICO_IPV6POOL_CIDR: 'none',
    FELIX_HEALTHENABLED: 'true',
    FELIX_IPV6SUPPORT: 'false',
    WAIT_FOR_DATASTORE: 'true',
  };
}

/** Starts a node's calico-node in the node's namespace. Gives the pid of what keeps it running. */
export function startNode(plan: LabPlan, node: NodePlan): number {
  prepareNode(plan, node);
  return startDaemon(
    {
      lab: plan.name,
      netns: node.netns,
      command: '/bin/sh',
      args: ['-c', keepRunning, program('calico-node')],
      env: {
        ...nodeEnvironment(plan, node),
        ...nodeSettings(plan),
        ...node.settings,
      },
    },
    nodeDirs(plan.name, node.name).logFile,
  );
}

/** What a node's supervisor says; undefined while nobody answers. */
export async function nodeStatus(plan: LabPlan, node: NodePlan): Promise<nodeV1.GetStatusResponse | undefined> {
  const client = connectUnix(nodeV1.NodeServiceClient, nodeDirs(plan.name, node.name).nodeSocket);
  try {
    return await callUnary(client.getStatus.bind(client), nodeV1.GetStatusRequest.create(), { timeoutMs: 2000 });
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

/** Waits until a node says that it is ready. @throws Error with the node's own reasons past the time limit. */
export async function waitForNode(plan: LabPlan, node: NodePlan, timeoutMs = 45_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const status = await nodeStatus(plan, node);
    if (status?.ready === true) return;
    if (Date.now() > deadline) {
      const causes = status === undefined ? 'its supervisor does not answer' : status.causes.join(' <- ');
      throw new Error(`${node.name} is not ready: ${causes}; see ${nodeDirs(plan.name, node.name).logFile}`);
    }
    await sleep(100);
  }
}

/** Signals one process of a node, by the supervisor's name for it. @throws Error when the node runs no such process. */
export async function killProcess(
  plan: LabPlan,
  node: NodePlan,
  name: string,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<number> {
  const status = await nodeStatus(plan, node);
  const child = status?.processes.find((candidate) => candidate.name === name);
  if (child === undefined) {
    const running = status?.processes.map((candidate) => candidate.name).join(', ') ?? 'nothing that answers';
    throw new Error(`${node.name} runs no '${name}'; it runs ${running}`);
  }
  process.kill(child.pid, signal);
  return child.pid;
}
