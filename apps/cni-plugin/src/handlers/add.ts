import { setImmediate } from 'node:timers/promises';
import type { EndpointDraft } from '@calico-node/datastore';
import type { WorkloadEndpoint } from '@calico-node/model';
import {
  detachInterface,
  networkProfile,
  WireError,
  Wiring,
  type Attached,
  type EarlyWait,
  type Premises,
} from '@calico-node/workload';
import type { Description } from '../endpoint/description.ts';
import { hostInterfaceName } from '../endpoint/interface-name.ts';
import { readMtu } from '../node/node-facts.ts';
import { passReadinessGates } from '../node/readiness-gates.ts';
import type { Result } from '../spec/result.ts';
import { attachAgain } from './add-again.ts';
import {
  assignAddresses,
  expectedFamilies,
  needsInterface,
  releaseAddresses,
  requireIpam,
  type GivenAddresses,
} from './addresses.ts';
import { addressSpec, endpointOf, networkSpec, randomMac, toResult, wiringSpec, type Plan } from './attachment.ts';
import { isOfPod, type AttachmentCall } from './call.ts';
import { detach } from './del.ts';
import { describeError } from './describe-error.ts';
import { describeWorkload } from './describe-workload.ts';
import { notReady } from './not-ready.ts';
import { anticipatePolicy, awaitPolicy, requireFelix } from './felix.ts';

/** How long giving up may take after an ADD failed, whatever became of its own time limit. */
const undoLimitMs = 20_000;

/**
 * What has been started, once it has ended, and what was done meanwhile: nothing may be under way when a failure is
 * undone.
 */
async function settled<T, M>(started: Promise<T>, meanwhile: () => M): Promise<readonly [T, M]> {
  started.catch(() => undefined); // it is looked at below
  // What was asked has to be on its way: the kernel's work keeps the thread busy.
  await setImmediate();
  let done: M;
  try {
    done = meanwhile();
  } catch (error) {
    await Promise.allSettled([started]);
    throw error;
  }
  return [await started, done];
}

/** Makes the interface, as far as that goes before its addresses are known. False: somebody else has made it. */
function makeInterface(wiring: Wiring, { call, description }: Plan): boolean {
  if (!wiring.create()) return false;
  const families = expectedFamilies(call, description.wishes);
  if (families !== undefined) wiring.prepare(networkSpec(call, undefined), families);
  return true;
}

/** Addresses, for who gets them over the interface itself. */
async function leaseAddresses({ call, description }: Plan, wiring: Wiring): Promise<GivenAddresses | undefined> {
  if (!wiring.create()) return undefined;
  wiring.bringUp();
  return assignAddresses(call, description.wishes);
}

/** What a first try has set going. */
interface Attempt {
  /** What Felix was asked ahead of time. */
  readonly questions: DisposableStack;
  early?: EarlyWait;
  hasCreatedEndpoint: boolean;
}

interface Made {
  readonly result: Result;
  /** Waits for the endpoint's policy. */
  readonly wait: () => Promise<void>;
}

/** Addresses, and in the same step the endpoint where that can be, while the interface is made. */
async function giveAddresses(
  plan: Plan,
  wiring: Wiring,
  draft: EndpointDraft,
  attempt: Attempt,
): Promise<GivenAddresses | undefined> {
  if (needsInterface(plan.call)) return leaseAddresses(plan, wiring);
  const giving = assignAddresses(plan.call, plan.description.wishes, draft).then((given) => {
    attempt.hasCreatedEndpoint = given.endpointRevision !== undefined;
    return given;
  });
  const [given, isMade] = await settled(giving, () => {
    // Felix has nothing to do yet: the IPAM service gets the processor first.
    attempt.early = attempt.questions.use(anticipatePolicy(plan.call));
    return makeInterface(wiring, plan);
  });
  return isMade ? given : undefined;
}

/**
 * Makes an attachment of which nothing is there, in one round trip to the store: the IPAM service gives the addresses
 * and creates the endpoint in one step, while the interface is made. Felix, who has been asked already, prepares the
 * endpoint's policy while the interface gets its addresses. Where the service cannot, the endpoint takes a second round
 * trip. Undefined when something of it was there after all.
 */
async function makeNew(plan: Plan, premises: Premises, attempt: Attempt): Promise<Made | undefined> {
  const { call, description } = plan;
  const { endpoints } = call.store;
  const mac = description.wishes.mac ?? randomMac();
  using wiring = Wiring.openNew({ ...wiringSpec(plan), mac });
  const draft = endpoints.draft(endpointOf(plan, [], mac, undefined), premises);
  const given = await giveAddresses(plan, wiring, draft, attempt);
  if (given === undefined) return undefined;
  const complete = (): Attached => wiring.complete(addressSpec(call, given));
  const made = (revision: bigint): Made => ({
    result: toResult(plan, { mac, mtu: plan.mtu }, given),
    wait: () => awaitPolicy(call, revision, attempt.early),
  });
  if (given.endpointRevision !== undefined) {
    complete();
    endpoints.noteCreated(draft, given.ips, given.endpointRevision);
    return made(given.endpointRevision);
  }
  const creating = endpoints
    .createNew(endpointOf(plan, given.ips, mac, undefined), premises, { signal: call.signal })
    .then((created) => {
      attempt.hasCreatedEndpoint = created !== undefined;
      return created;
    });
  const [revision] = await settled(creating, complete);
  return revision === undefined ? undefined : made(revision);
}

/** Whether there is no such namespace to attach: then nothing has been done, and nothing can be. */
function isNoNetns(error: unknown): boolean {
  return error instanceof WireError && (error.code === 'netns-missing' || error.code === 'own-netns');
}

/** {@link makeNew}; whatever it fails at is left to the careful way, which knows what stood before. */
async function tryNew(plan: Plan, premises: Premises, attempt: Attempt): Promise<Made | undefined> {
  try {
    return await makeNew(plan, premises, attempt);
  } catch (error) {
    if (isNoNetns(error)) throw error;
    plan.call.context.log.debug({ err: error }, 'not attached at the first try; looking at what is there');
    return undefined;
  }
}

/** Puts everything back after a failed ADD of something new. Its own failure is logged: the runtime sends DEL. */
async function undo(call: AttachmentCall): Promise<void> {
  const { attachment, prefixes, config } = call;
  const limited = { ...call, signal: AbortSignal.timeout(undoLimitMs) };
  try {
    // A lease is given back over the interface.
    if (needsInterface(call)) await releaseAddresses(limited);
    // What is in this namespace is ours, also where the endpoint is a predecessor's.
    if (config.dataplane === undefined) {
      const { netns, ifName: workloadName } = attachment;
      await detachInterface({ netns, hostName: undefined, workloadName, prefixes });
    }
    await detach(limited, 'undone');
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
  const from = isOfPod(call) ? 'anywhere' : 'itself';
  const profile = source === 'orchestrator' ? undefined : networkProfile(config.name, from);
  const premises = await store.endpoints.premises(profile, { signal });
  if (premises !== undefined) return premises;
  throw notReady();
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
  using questions = new DisposableStack();
  const attempt: Attempt = { questions, hasCreatedEndpoint: false };
  // Another data plane makes interfaces in one step, once their addresses are known.
  const made = config.dataplane === undefined ? await tryNew(plan, premises, attempt) : undefined;
  if (made !== undefined) {
    await orUndo(call, made.wait);
    return made.result;
  }
  // Somebody was here before, or what we knew is no longer so: look at everything anew.
  const stored: WorkloadEndpoint | undefined = await store.endpoints.find(workload.namespace, endpointName, { signal });
  // A pod that was created anew has another container: its endpoint is written over, its interface is new.
  const isNew =
    attempt.hasCreatedEndpoint ||
    stored === undefined ||
    (stored.spec.containerID ?? workload.containerId) !== workload.containerId;
  const work = async (): Promise<Result> => {
    await premisesOf(call, description);
    return attachAgain(plan, stored);
  };
  return await (isNew ? orUndo(call, work) : work());
}
