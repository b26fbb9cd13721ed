/*
 * The report that `ipam check -o` writes and `ipam release --from-report` reads: Calico's JSON, so that
 * either calicoctl reads the other's.
 */
import type { CheckedAllocation } from '@calico-node/ipam';
import { goJsonStringify, parseLosslessJson } from '@calico-node/model';
import { tryParseIp, type IpAddress } from '@calico-node/net';
import { indentJson } from '../../output/indent-json.ts';

export interface HandleInfo {
  readonly id: string;
  /** The store's revision of its record. */
  readonly revision: string;
}

export interface ReportHeader {
  /** Of the calicoctl that wrote it. */
  readonly version: string;
  readonly clusterGuid: string;
  readonly isLocked: boolean;
  /** Of ClusterInformation when the check ran; it changes when the datastore is locked or unlocked. */
  readonly clusterInformationRevision: string;
  readonly clusterType: string;
}

export interface Report extends ReportHeader {
  readonly allocations: readonly ReportedAllocation[];
  readonly leakedHandles: readonly HandleInfo[];
}

/** What a release needs of an allocation. */
export interface ReportedAllocation {
  readonly ip: IpAddress;
  readonly handle: string | undefined;
  readonly sequenceNumber: bigint | undefined;
  readonly isInUse: boolean;
  readonly isCoolingDown: boolean;
}

/** The report as Go lays it out: two spaces, addresses in the order of their text, no newline at the end. */
export function renderReport(
  header: ReportHeader,
  allocations: readonly CheckedAllocation[],
  leakedHandles: readonly HandleInfo[],
): string {
  const byIp = [...Map.groupBy(allocations, ({ ip }) => ip)].sort(([a], [b]) => (a < b ? -1 : 1));
  return indentJson(
    goJsonStringify({
      version: header.version,
      clusterGUID: header.clusterGuid,
      datastoreLocked: header.isLocked,
      clusterInformationRevision: header.clusterInformationRevision,
      clusterType: header.clusterType,
      allocations: Object.fromEntries(byIp.map(([ip, group]) => [ip, group.map(allocationJson)])),
      leakedHandles:
        leakedHandles.length === 0
          ? undefined
          : leakedHandles.map(({ id, revision }) => ({ ID: id, UID: null, Revision: revision })),
    }),
  );
}

/** In Go's field order, without what Go leaves out. */
function allocationJson(allocation: CheckedAllocation): object {
  const { pod, namespace, type, timestamp } = allocation.attribute?.secondary ?? {};
  return {
    ip: allocation.ip,
    handle: omitEmpty(allocation.handle),
    sequenceNumber: allocation.sequenceNumber,
    pod: omitEmpty(pod),
    namespace: omitEmpty(namespace),
    node: omitEmpty(allocation.node),
    type: omitEmpty(type),
    creationTimestamp: omitEmpty(timestamp),
    inUse: allocation.isInUse,
    borrowed: allocation.isBorrowed ? true : undefined,
    coolingDown: allocation.isCoolingDown ? true : undefined,
    owners: allocation.owners.length === 0 ? null : allocation.owners,
  };
}

function omitEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Reads a report. @throws SyntaxError for text that is none, saying what is wrong. */
export function parseReport(text: string): Report {
  const report = record(parseLosslessJson(text), 'the report');
  return {
    version: string(report, 'version'),
    clusterGuid: string(report, 'clusterGUID'),
    isLocked: report['datastoreLocked'] === true,
    clusterInformationRevision: string(report, 'clusterInformationRevision'),
    clusterType: string(report, 'clusterType'),
    allocations: Object.values(record(report['allocations'] ?? {}, 'allocations')).flatMap((group) =>
      list(group, 'allocations').map(parseAllocation),
    ),
    leakedHandles: list(report['leakedHandles'] ?? [], 'leakedHandles').map((entry) => {
      const handle = record(entry, 'leakedHandles');
      return { id: string(handle, 'ID'), revision: string(handle, 'Revision') };
    }),
  };
}

function parseAllocation(input: unknown): ReportedAllocation {
  const allocation = record(input, 'an allocation');
  const ip = tryParseIp(string(allocation, 'ip'));
  if (ip === undefined) throw new SyntaxError(`an allocation names no address: ${goJsonStringify(allocation['ip'])}`);
  const sequence = allocation['sequenceNumber'];
  if (sequence !== undefined && !(typeof sequence === 'bigint' || Number.isSafeInteger(sequence))) {
    throw new SyntaxError(`the sequenceNumber of ${ip} is not a whole number`);
  }
  return {
    ip,
    handle: omitEmpty(allocation['handle'] === undefined ? undefined : string(allocation, 'handle')),
    sequenceNumber: sequence === undefined ? undefined : BigInt(sequence as bigint | number),
    isInUse: allocation['inUse'] === true,
    isCoolingDown: allocation['coolingDown'] === true,
  };
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError(`${what} must be an object`);
  }
  return { ...value };
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new SyntaxError(`${what} must be a list`);
  return value;
}

function string(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new SyntaxError(`${name} must be a text`);
  return value;
}
