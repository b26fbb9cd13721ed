import { isDatastoreError } from '@calico-node/datastore';
import { RouteMonitor } from '@calico-node/netlink';
import { ConfigError, type Logger } from '@calico-node/service';
import { candidateInterfaces } from '../startup/autodetect.ts';
import { readHostInterfaces } from '../startup/host-interfaces.ts';
import { registerNode, type Registration } from '../startup/register.ts';
import { Wakeup } from './wakeup.ts';

/** Addresses come and go together: looked at when they have settled, or after this many changes. */
const settleMs = 500;
const settleChanges = 10;

export interface MonitorOptions extends Omit<Registration, 'interfaces'> {
  /** How often to look without being told (AUTODETECT_POLL_INTERVAL). */
  readonly pollIntervalMs: number;
}

async function look(options: MonitorOptions, log: Logger): Promise<void> {
  try {
    // A node that was deleted is not made again behind the operator's back.
    await options.resources.get('Node', options.name, undefined, { signal: options.signal });
    await registerNode({ ...options, interfaces: readHostInterfaces() });
  } catch (error) {
    if (options.signal.aborted) return;
    if (isDatastoreError(error, 'not-found')) log.warn('the Node is gone; its addresses are not looked after');
    else if (error instanceof ConfigError) log.error({ reason: error.message }, 'the address is not taken over');
    else log.warn({ err: error }, 'cannot look after the addresses now');
  }
}

/** Whether there is anything to look after: addresses, or the list of interfaces, that change by themselves. */
export function hasChangingAddresses({ backend, ipv4, ipv6 }: Registration['config']): boolean {
  return backend !== 'none' && (ipv4.kind !== 'unset' || ipv6.kind !== 'unset');
}

/** The host's own interfaces as text: workloads' come and go all the time, and are none of ours to look at. */
function ownInterfaces(): string {
  return JSON.stringify(candidateInterfaces(readHostInterfaces()));
}

/**
 * Keeps the Node's detected addresses as the host has them: looks when the kernel tells of a change, and in any
 * case every so often.
 */
export async function monitorAddresses(options: MonitorOptions): Promise<void> {
  const { log, signal, pollIntervalMs } = options;
  const wakeup = new Wakeup();
  const tell = (): void => {
    wakeup.call();
  };
  const monitor = RouteMonitor.open({ groups: ['address'], onEvent: tell, onOverrun: tell });
  let seen = ownInterfaces();
  try {
    const isStopped = (): boolean => signal.aborted;
    while (!isStopped()) {
      const isTold = await wakeup.wait(signal, pollIntervalMs);
      for (let changes = 0; isTold && changes < settleChanges && (await wakeup.wait(signal, settleMs)); changes++);
      const now = ownInterfaces();
      if (isStopped() || (isTold && now === seen)) continue;
      seen = now;
      await look(options, log);
    }
  } finally {
    monitor.close();
  }
}
