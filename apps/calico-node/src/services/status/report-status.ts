import { isDatastoreError, Resources, startSyncer, type Backend } from '@calico-node/datastore';
import { decodeResource, resourcePrefix, type CalicoNodeStatus } from '@calico-node/model';
import type { Logger } from '@calico-node/service';
import type { BgpSource } from '../../bgp/report.ts';
import { makeReport } from './make-report.ts';

export interface ReportStatusOptions {
  readonly nodeName: string;
  readonly backend: Backend;
  readonly source: BgpSource;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What one resource asks for; a report of ours changes none of it. */
interface Request {
  readonly name: string;
  readonly asked: string;
  readonly timer: NodeJS.Timeout;
}

/** The classes and the period that this node is asked for; undefined when it is not asked. */
function askedOf(resource: CalicoNodeStatus, nodeName: string): string | undefined {
  const { node, classes = [], updatePeriodSeconds = 0 } = resource.spec;
  if (node !== nodeName || updatePeriodSeconds === 0) return undefined;
  return JSON.stringify([updatePeriodSeconds, classes]);
}

/** Fills the CalicoNodeStatus resources that are for this node, each as often as it asks for. */
export async function reportStatus({ nodeName, backend, source, log, signal }: ReportStatusOptions): Promise<void> {
  const resources = new Resources(backend);
  const requests = new Map<string, Request>();
  const working = new Set<string>();

  const report = async (name: string): Promise<void> => {
    // One that takes longer than its period is not begun twice.
    if (working.has(name)) return;
    working.add(name);
    try {
      const stored = await resources.get('CalicoNodeStatus', name, undefined, { signal });
      const status = await makeReport(stored.spec.classes ?? [], source, new Date());
      await resources.update({ ...stored, status }, { signal });
    } catch (error) {
      const isRace = isDatastoreError(error, 'conflict', 'not-found');
      if (!isRace && !signal.aborted) log.warn({ err: error, status: name }, 'cannot report the status');
    } finally {
      working.delete(name);
    }
  };

  const follow = (key: string, value: string | undefined, revision: bigint): void => {
    const resource = value === undefined ? undefined : decodeResource('CalicoNodeStatus', value, revision);
    const asked = resource === undefined ? undefined : askedOf(resource, nodeName);
    const known = requests.get(key);
    if (known?.asked === asked) return;
    clearInterval(known?.timer);
    requests.delete(key);
    if (resource === undefined || asked === undefined) return;
    const { name } = resource.metadata;
    const timer = setInterval(() => void report(name), (resource.spec.updatePeriodSeconds ?? 0) * 1000);
    requests.set(key, { name, asked, timer });
    void report(name);
  };

  const syncer = startSyncer({
    backend,
    prefixes: [resourcePrefix('CalicoNodeStatus')],
    onBatch: ({ updates }) => {
      for (const { key, value, revision } of updates) {
        try {
          follow(key, value, revision);
        } catch (error) {
          log.warn({ err: error, key }, 'value in the store is not readable; treated as absent');
        }
      }
    },
    log,
    signal,
  });
  try {
    await syncer.done;
  } finally {
    for (const { timer } of requests.values()) clearInterval(timer);
  }
}
