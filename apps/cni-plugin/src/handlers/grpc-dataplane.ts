/*
 * Another data plane makes the interfaces: Calico's plug-in hands it their wiring over gRPC, and keeps addresses and
 * endpoints (`dataplane_options.type: grpc`; Calico VPP's agent is one).
 */
import type { WorkloadEndpoint } from '@calico-node/model';
import { hostCidr, macFromBytes, parseMac, type Mac } from '@calico-node/net';
import { callUnary, isRpcError, RpcError } from '@calico-node/rpc';
import { connectCniDataplane, type AddRequest, type CniDataplaneClient } from '@calico-node/rpc/cni-dataplane';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { GrpcDataplane } from '../spec/dataplane.ts';
import { everywhere, type GivenAddresses } from './addresses.ts';
import { endpointOf, type Plan } from './attachment.ts';
import type { AttachmentCall } from './call.ts';

/** As long as Calico waits for an answer. */
const timeoutMs = 5000;
/** As long as STATUS does. */
const connectTimeoutMs = 1000;
/** No interface has it: the endpoint that the data plane is told of gets its own from the answer. */
const noMac = macFromBytes(new Uint8Array(6));

interface Reply {
  readonly successful: boolean;
  readonly errorMessage: string;
}

async function ask<R extends Reply>(
  { socket }: GrpcDataplane,
  call: (client: CniDataplaneClient) => Promise<R>,
): Promise<R> {
  const client = connectCniDataplane(socket);
  try {
    const reply = await call(client);
    if (reply.successful) return reply;
    throw new CniError(cniCodes.failed, `the data plane at ${socket}: ${reply.errorMessage}`);
  } catch (error) {
    if (!isRpcError(error)) throw error;
    throw new RpcError(error.code, `the data plane at ${socket}: ${error.message}`, { cause: error });
  } finally {
    client.close();
  }
}

function addRequest(
  { call, description, mtu }: Plan,
  given: GivenAddresses,
  { metadata, spec }: WorkloadEndpoint,
  { options }: GrpcDataplane,
): AddRequest {
  const { config, attachment } = call;
  return {
    interfaceName: attachment.ifName,
    netns: attachment.netns,
    desiredHostInterfaceName: spec.interfaceName ?? '',
    settings: { allowIpForwarding: config.allowIpForwarding, mtu },
    containerIps: given.ips.map((ip) => ({ address: hostCidr(ip), gateway: '' })),
    containerRoutes: [...(given.routes ?? everywhere)],
    workload: {
      name: metadata.name,
      namespace: metadata.namespace ?? '',
      labels: { ...metadata.labels },
      annotations: { ...description.annotations },
      endpoint: spec.endpoint ?? '',
      node: spec.node ?? '',
      orchestrator: spec.orchestrator ?? '',
      pod: spec.pod ?? '',
      ports: (spec.ports ?? []).map(({ name, protocol, port, hostPort = 0, hostIP: hostIp = '' }) => {
        return { name, protocol: String(protocol), port, hostPort, hostIp };
      }),
    },
    dataplaneOptions: { ...options },
  };
}

/** An interface that another data plane made. */
export interface HandedOver {
  readonly hostName: string;
  readonly mac: Mac;
}

/**
 * Has the data plane make the workload's interface; gives what its endpoint says of it.
 *
 * @throws RpcError; CniError when the data plane refuses, or answers without a MAC address
 */
export async function addByDataplane(
  plan: Plan,
  dataplane: GrpcDataplane,
  given: GivenAddresses,
  stored: WorkloadEndpoint | undefined,
): Promise<HandedOver> {
  const { signal } = plan.call;
  const request = addRequest(plan, given, endpointOf(plan, given.ips, noMac, stored), dataplane);
  const { hostInterfaceName: hostName, containerMac } = await ask(dataplane, (client) =>
    callUnary(client.add.bind(client), request, { timeoutMs, signal }),
  );
  try {
    return { hostName, mac: parseMac(containerMac) };
  } catch (cause) {
    const message = `the data plane at ${dataplane.socket}: '${containerMac}' is not a MAC address`;
    throw new CniError(cniCodes.failed, message, { cause });
  }
}

/** Has the data plane take the workload's interface away. @throws RpcError, CniError */
export async function removeByDataplane(
  { attachment, signal }: AttachmentCall,
  dataplane: GrpcDataplane,
): Promise<void> {
  const request = {
    interfaceName: attachment.ifName,
    netns: attachment.netns,
    dataplaneOptions: { ...dataplane.options },
  };
  await ask(dataplane, (client) => callUnary(client.del.bind(client), request, { timeoutMs, signal }));
}

/** @throws CniError code 50 while nobody answers on the data plane's socket. */
export async function requireDataplane({ socket }: GrpcDataplane): Promise<void> {
  const client = connectCniDataplane(socket);
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + connectTimeoutMs, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  } catch (cause) {
    throw new CniError(cniCodes.notAvailable, `the data plane at ${socket} does not answer`, { cause });
  } finally {
    client.close();
  }
}
