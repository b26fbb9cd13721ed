import type { WorkloadEndpoint } from '@calico-node/model';
import { parseCidr, splitCidr, type Mac } from '@calico-node/net';
import { hasHostInterface, Wiring } from '@calico-node/workload';
import { alternativeInterfaceName } from '../endpoint/interface-name.ts';
import { ipamHandle } from '../endpoint/workload.ts';
import type { GrpcDataplane } from '../spec/dataplane.ts';
import type { Result } from '../spec/result.ts';
import { assignAddresses, needsInterface, releaseAddresses, type GivenAddresses } from './addresses.ts';
import { addressSpec, endpointOf, toResult, wiringSpec, type Plan } from './attachment.ts';
import { awaitPolicy } from './felix.ts';

/**
 * The host's end for this workload: the one that it has, else Calico's name for it, unless that is another
 * workload's (identifiers may share their first eleven characters).
 */
async function chooseHostName({ call, hostName }: Plan, stored: WorkloadEndpoint | undefined): Promise<string> {
  const { node, workload, store, signal } = call;
  if (stored?.spec.interfaceName !== undefined) return stored.spec.interfaceName;
  if (!hasHostInterface(hostName)) return hostName;
  const others = await store.endpoints.ofNode(node, { signal });
  const isTaken = others.some((endpoint) => endpoint.spec.interfaceName === hostName);
  return isTaken ? alternativeInterfaceName(workload) : hostName;
}

/** Whether the endpoint's interface is put on a further network by a workload that no orchestrator describes. */
function isFurtherNetwork({ call, description }: Plan, stored: WorkloadEndpoint | undefined): boolean {
  const { containerID, ipNetworks = [], profiles = [] } = stored?.spec ?? {};
  return (
    description.source === 'configuration' &&
    call.workload.orchestrator === 'cni' &&
    containerID === call.workload.containerId &&
    !profiles.includes(call.config.name) &&
    ipNetworks.length > 0
  );
}

/** Addresses that a pod of the same name but another container still holds are its successor's to ask for. */
async function releasePredecessor({ call, description }: Plan, stored: WorkloadEndpoint | undefined): Promise<void> {
  const { config, workload, attachment, store, signal } = call;
  const before = stored?.spec.containerID ?? workload.containerId;
  const asksFor = description.wishes.addresses ?? [];
  if (before === workload.containerId || asksFor.length === 0) return;
  await store.addresses.release(ipamHandle(config.name, before, attachment.ifName), signal);
}

/** Gives a workload on a further network the addresses that it has, every other its own. */
async function addressesFor(plan: Plan, stored: WorkloadEndpoint | undefined): Promise<GivenAddresses> {
  const { call, description } = plan;
  if (stored === undefined || !isFurtherNetwork(plan, stored)) {
    await releasePredecessor(plan, stored);
    return assignAddresses(call, description.wishes);
  }
  // None of its own; the attempt may have taken some.
  await releaseAddresses(call);
  const ips = (stored.spec.ipNetworks ?? []).map((network) => splitCidr(parseCidr(network)).ip);
  return { ips, routes: undefined, dns: {} };
}

/** An interface with its addresses, and what came of it. */
interface Wired {
  /** With the name that the host's end has. */
  readonly plan: Plan;
  readonly given: GivenAddresses;
  readonly mac: Mac;
  /** As far as that is known. */
  readonly mtu?: number;
}

async function wire(planned: Plan, stored: WorkloadEndpoint | undefined): Promise<Wired> {
  const { call, description } = planned;
  const plan: Plan = { ...planned, hostName: await chooseHostName(planned, stored) };
  const { mac } = description.wishes;
  const begin = (): Promise<Wiring> => Wiring.begin({ ...wiringSpec(plan), ...(mac === undefined ? {} : { mac }) });
  using wires = new DisposableStack();
  const early = needsInterface(call) ? wires.use(await begin()) : undefined;
  early?.bringUp();
  const given = await addressesFor(plan, stored);
  const wiring = early ?? wires.use(await begin());
  return { plan, given, ...wiring.complete(addressSpec(call, given)) };
}

/** Has another data plane do it. */
async function handOver(plan: Plan, dataplane: GrpcDataplane, stored: WorkloadEndpoint | undefined): Promise<Wired> {
  const { addByDataplane } = await import('./grpc-dataplane.ts');
  const given = await addressesFor(plan, stored);
  const { hostName, mac } = await addByDataplane(plan, dataplane, given, stored);
  return { plan: { ...plan, hostName }, given, mac };
}

/**
 * Attaches a workload of which something may be there: what is there is kept and completed, and so is what an attempt
 * as for a new one has made.
 */
export async function attachAgain(planned: Plan, stored: WorkloadEndpoint | undefined): Promise<Result> {
  const { call } = planned;
  const { dataplane } = call.config;
  const wired = await (dataplane === undefined ? wire(planned, stored) : handOver(planned, dataplane, stored));
  const { plan, given, mac } = wired;
  const revision = await call.store.endpoints.save(endpointOf(plan, given.ips, mac, stored), stored, {
    signal: call.signal,
  });
  await awaitPolicy(call, revision);
  return toResult(plan, wired, given);
}
