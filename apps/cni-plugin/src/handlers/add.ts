import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { WorkloadEndpoint } from '@calico-node/model';
import { familyOf, hostCidr, macFromBytes, parseCidr, splitCidr, type Mac } from '@calico-node/net';
import {
  attachInterface,
  hasHostInterface,
  ipv4Gateway,
  ipv6Gateway,
  networkProfile,
  type Attached,
} from '@calico-node/workload';
import { buildEndpoint } from '../endpoint/build-endpoint.ts';
import { alternativeInterfaceName, hostInterfaceName } from '../endpoint/interface-name.ts';
import { readMtu } from '../node/node-facts.ts';
import { passReadinessGates } from '../node/readiness-gates.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { Result } from '../spec/result.ts';
import { assignAddresses, type GivenAddresses } from './addresses.ts';
import type { AttachmentCall } from './call.ts';
import { detach } from './del.ts';
import { describeError } from './describe-error.ts';
import { awaitPolicy, requireFelix } from './felix.ts';

/** How long giving up may take after an ADD failed, whatever became of its own time limit. */
const undoLimitMs = 20_000;

/**
 * The host's end for this workload: the one that it has, else Calico's name for it, unless that is another
 * workload's (identifiers may share their first eleven characters).
 */
async function chooseHostName(call: AttachmentCall, stored: WorkloadEndpoint | undefined): Promise<string> {
  const { node, workload, store, prefixes, signal } = call;
  if (stored?.spec.interfaceName !== undefined) return stored.spec.interfaceName;
  const usual = hostInterfaceName(workload, prefixes[0] ?? 'cali');
  if (!hasHostInterface(usual)) return usual;
  const others = await store.endpoints.ofNode(node, { signal });
  const isTaken = others.some((endpoint) => endpoint.spec.interfaceName === usual);
  return isTaken ? alternativeInterfaceName(workload) : usual;
}

function toResult(call: AttachmentCall, hostName: string, attached: Attached, given: GivenAddresses): Result {
  const { ifName, netns } = call.attachment;
  const families = new Set(given.ips.map((ip) => familyOf(ip)));
  const destinations = given.routes ?? [parseCidr('0.0.0.0/0'), parseCidr('::/0')];
  return {
    interfaces: [{ name: hostName }, { name: ifName, mac: attached.mac, mtu: attached.mtu, sandbox: netns }],
    ips: given.ips.map((ip) => ({ ip, prefixLength: splitCidr(hostCidr(ip)).prefixLength, interface: 1 })),
    routes: destinations
      .filter((destination) => families.has(familyOf(destination)))
      .map((destination) => ({ destination, gateway: familyOf(destination) === 4 ? ipv4Gateway : ipv6Gateway })),
    dns: given.dns,
  };
}

/**
 * The attachment's addresses. An interface that is put on a further network keeps those that it has (Calico's
 * rule for workloads that no orchestrator describes).
 */
async function addressesFor(call: AttachmentCall, stored: WorkloadEndpoint | undefined): Promise<GivenAddresses> {
  const { config, workload } = call;
  const { containerID, ipNetworks = [], profiles = [] } = stored?.spec ?? {};
  const isOnAnother =
    workload.orchestrator === 'cni' && containerID === workload.containerId && !profiles.includes(config.name);
  if (!isOnAnother || ipNetworks.length === 0) return assignAddresses(call);
  return { ips: ipNetworks.map((network) => splitCidr(parseCidr(network)).ip), routes: undefined, dns: {} };
}

type Wire = (mac?: Mac) => Promise<Attached>;
type Save = (mac: Mac) => Promise<bigint>;

/**
 * Something new: the store has the endpoint, and Felix prepares its policy, while the interface is made. Only
 * the interface's address has to be chosen here instead of by the kernel. Both have ended when it returns or throws.
 */
async function saveAndWire(save: Save, wire: Wire): Promise<readonly [Attached, bigint]> {
  const mac = randomMac();
  const saving = save(mac);
  saving.catch(() => undefined); // it is looked at below
  // Making the interface keeps the thread busy: what was written has to be on its way.
  await setImmediate();
  const [wired, saved] = await Promise.allSettled([wire(mac), saving]);
  if (wired.status === 'rejected') throw wired.reason;
  if (saved.status === 'rejected') throw saved.reason;
  return [wired.value, saved.value];
}

/** An interface that may be there already keeps its address. */
async function wireAndSave(wire: Wire, save: Save): Promise<readonly [Attached, bigint]> {
  const attached = await wire();
  return [attached, await save(attached.mac)];
}

/** An address of nobody's: locally administered, unicast (IEEE 802). */
function randomMac(): Mac {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return macFromBytes(bytes);
}

async function build(call: AttachmentCall, stored: WorkloadEndpoint | undefined, mtu: number): Promise<Result> {
  const { config, attachment, node, workload, store, prefixes, signal } = call;
  const hostName = await chooseHostName(call, stored);
  // Both have to have ended before a failure is undone.
  const [profile, assigned] = await Promise.allSettled([
    store.endpoints.ensureProfile(networkProfile(config.name), { signal }),
    addressesFor(call, stored),
  ]);
  if (assigned.status === 'rejected') throw assigned.reason;
  if (profile.status === 'rejected') throw profile.reason;
  const given = assigned.value;
  const wire = (mac?: Mac): Promise<Attached> =>
    attachInterface({
      netns: attachment.netns,
      hostName,
      workloadName: attachment.ifName,
      mtu,
      ...(mac === undefined ? {} : { mac }),
      addresses: given.ips,
      ...(given.routes === undefined ? {} : { routes: given.routes }),
      forwards: config.allowIpForwarding,
      prefixes,
    });
  const save = (mac: Mac): Promise<bigint> => {
    const { ips: addresses } = given;
    const { name: network, labels } = config;
    const facts = { node, workload, network, labels, addresses, interfaceName: hostName, mac };
    return store.endpoints.save(buildEndpoint(facts, stored), stored, { signal });
  };
  const isNew = stored === undefined && !hasHostInterface(hostName);
  const [attached, revision] = isNew ? await saveAndWire(save, wire) : await wireAndSave(wire, save);
  await awaitPolicy(call, revision);
  return toResult(call, hostName, attached, given);
}

/** Puts everything back after a failed ADD of something new. Its own failure is logged: the runtime sends DEL. */
async function undo(call: AttachmentCall): Promise<void> {
  try {
    await detach({ ...call, signal: AbortSignal.timeout(undoLimitMs) });
  } catch (error) {
    call.context.log.warn({ err: error, code: describeError(error).code }, 'could not undo a failed ADD');
  }
}

/**
 * Attaches a workload: addresses, interface, endpoint, and the wait for its policy. Everything that is there
 * already is kept, so a repeated ADD gives the same answer. When it fails, what a first ADD made is undone;
 * an attachment that stood before is left as it is.
 */
export async function attach(call: AttachmentCall): Promise<Result> {
  const { config, workload, store, context, signal } = call;
  requireFelix(call);
  const mtu = readMtu(config, context.paths);
  const [isReady, stored] = await Promise.all([
    store.endpoints.isReady({ signal }),
    store.endpoints.find(workload.namespace, call.endpointName, { signal }),
  ]);
  if (!isReady) {
    throw new CniError(cniCodes.tryAgainLater, 'Calico is currently not ready to process requests', {
      details: 'ClusterInformation default is missing, or its datastoreReady is not true',
    });
  }
  await passReadinessGates(config.readinessGates, signal);
  // A pod that was created anew has another container: its endpoint is written over, its interface is new.
  const isNew = stored === undefined || (stored.spec.containerID ?? workload.containerId) !== workload.containerId;
  try {
    return await build(call, stored, mtu);
  } catch (error) {
    if (isNew) await undo(call);
    throw error;
  }
}
