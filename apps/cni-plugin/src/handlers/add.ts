import { setImmediate } from 'node:timers/promises';
import type { WorkloadEndpoint } from '@calico-node/model';
import { detachInterface, networkProfile, Wiring, type EarlyWait, type Premises } from '@calico-node/workload';
import type { Description } from '../endpoint/description.ts';
import { hostInterfaceName } from '../endpoint/interface-name.ts';
import { readMtu } from '../node/node-facts.ts';
import { passReadinessGates } from '../node/readiness-gates.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { Result } from '../spec/result.ts';
import { attachAgain } from './add-again.ts';
import { assignAddresses, requireIpam } from './addresses.ts';
import { addressSpec, endpointOf, randomMac, toResult, wiringSpec, type Plan } from './attachment.ts';
import type { AttachmentCall } from './call.ts';
import { detach } from './del.ts';
import { describeError } from './describe-error.ts';
import { describeWorkload } from './describe-workload.ts';
import { anticipatePolicy, awaitPolicy, requireFelix } from './felix.ts';

/** How long giving up may take after an ADD failed, whatever became of its own time limit. */
const undoLimitMs = 20_000;

/** What has been started, once it has ended: nothing may be under way when a failure is undone. */
async function settled<T>(started: Promise<T>, meanwhile: () => void): Promise<T> {
  started.catch(() => undefined); // it is looked at below
  // What was asked has to be on its way: the kernel's work keeps the thread busy.
  await setImmediate();
  try {
    meanwhile();
  } catch (error) {
    await Promise.allSettled([started]);
    throw error;
  }
  return started;
}

interface Made {
  readonly revision: bigint;
  readonly early: EarlyWait;
  readonly result: Result;
}

/**
 * Makes an attachment of which nothing is there: addresses come while the interface is made, and Felix prepares the
 * endpoint's policy while the interface gets its addresses. Two round trips to the store, one after the other: the
 * addresses', by the IPAM service, and the endpoint's. Undefined when something of it was there after all.
 */
async function makeNew(plan: Plan, premises: Premises): Promise<Made | undefined> {
  const { call, description } = plan;
  const { endpoints } = call.store;
  const mac = description.wishes.mac ?? randomMac();
  using wires = new DisposableStack();
  using early = new DisposableStack();
  let wiring: Wiring | undefined;
  let wait: EarlyWait | undefined;
  const given = await settled(assignAddresses(call, description.wishes), () => {
    wiring = Wiring.beginNew({ ...wiringSpec(plan), mac });
    wires.use(wiring);
    wait = wiring && early.use(anticipatePolicy(call));
  });
  if (wiring === undefined || wait === undefined) return undefined;
  const saving = endpoints.createNew(endpointOf(plan, given, mac, undefined), premises, { signal: call.signal });
  const revision = await settled(saving, () => wiring?.complete(addressSpec(call, given)));
  if (revision === undefined) return undefined;
  early.move(); // the caller waits
  return { revision, early: wait, result: toResult(plan, { mac, mtu: plan.mtu }, given) };
}

/** {@link makeNew}; whatever it fails at is left to the careful way, which knows what stood before. */
async function tryNew(plan: Plan, premises: Premises): Promise<Made | undefined> {
  try {
    return await makeNew(plan, premises);
  } catch (error) {
    plan.call.context.log.debug({ err: error }, 'not attached at the first try; looking at what is there');
    return undefined;
  }
}

/** Puts everything back after a failed ADD of something new. Its own failure is logged: the runtime sends DEL. */
async function undo(call: AttachmentCall): Promise<void> {
  const { attachment, prefixes } = call;
  try {
    // What is in this namespace is ours, also where the endpoint is a predecessor's.
    await detachInterface({ netns: attachment.netns, hostName: undefined, workloadName: attachment.ifName, prefixes });
    await detach({ ...call, signal: AbortSignal.timeout(undoLimitMs) });
  } catch (error) {
    call.context.log.warn({ err: error, code: describeError(error).code }, 'could not undo a failed ADD');
  }
}

/** Does the work; what it made goes when it fails. */
async function orUndo<T>(call: AttachmentCall, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await undo(call);
    throw error;
  }
}

async function premisesOf(call: AttachmentCall, { source }: Description): Promise<Premises> {
  const { config, store, signal } = call;
  // Where an orchestrator has profiles, they are its own to make.
  const profile = source === 'orchestrator' ? undefined : networkProfile(config.name);
  const premises = await store.endpoints.premises(profile, { signal });
  if (premises !== undefined) return premises;
  throw new CniError(cniCodes.tryAgainLater, 'Calico is currently not ready to process requests', {
    details: 'ClusterInformation default is missing, or its datastoreReady is not true',
  });
}

/**
 * Attaches a workload: addresses, interface, endpoint, and the wait for its policy. Everything that is there
 * already is kept, so a repeated ADD gives the same answer. When it fails, what a first ADD made is undone;
 * an attachment that stood before is left as it is.
 */
export async function attach(call: AttachmentCall): Promise<Result> {
  const { config, workload, store, context, prefixes, endpointName, signal } = call;
  requireIpam(call);
  requireFelix(call);
  const mtu = readMtu(config, context.paths);
  const description = await describeWorkload(call);
  const premises = await premisesOf(call, description);
  await passReadinessGates(config.readinessGates, signal);
  const hostName = hostInterfaceName(workload, prefixes[0] ?? 'cali');
  const plan: Plan = { call, description, mtu, hostName };
  const made = await tryNew(plan, premises);
  if (made !== undefined) {
    const { revision, early, result } = made;
    await orUndo(call, () => awaitPolicy(call, revision, early));
    return result;
  }
  // Somebody was here before, or what we knew is no longer so: look at everything anew.
  const stored: WorkloadEndpoint | undefined = await store.endpoints.find(workload.namespace, endpointName, { signal });
  // A pod that was created anew has another container: its endpoint is written over, its interface is new.
  const isNew = stored === undefined || (stored.spec.containerID ?? workload.containerId) !== workload.containerId;
  const work = async (): Promise<Result> => {
    await premisesOf(call, description);
    return attachAgain(plan, stored);
  };
  return isNew ? orUndo(call, work) : work();
}
