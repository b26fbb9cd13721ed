import type { HandleInfo, Report, ReportedAllocation } from './report.ts';

export interface Leaks {
  readonly allocations: readonly ReportedAllocation[];
  readonly handles: readonly HandleInfo[];
}

/**
 * What is leaked in every report. An address or handle that changed between two of them, so that another
 * owner has it by now, is none.
 */
export function commonLeaks(reports: readonly Report[]): Leaks {
  const [first, ...others] = reports.map((report) => ({
    allocations: new Map(
      report.allocations
        .filter(({ isInUse, isCoolingDown }) => !isInUse && !isCoolingDown)
        .map((allocation) => [allocationId(allocation), allocation]),
    ),
    handles: new Map(report.leakedHandles.map((handle) => [`${handle.id} ${handle.revision}`, handle])),
  }));
  if (first === undefined) return { allocations: [], handles: [] };
  return {
    allocations: [...first.allocations].flatMap(([id, allocation]) =>
      others.every((other) => other.allocations.has(id)) ? [allocation] : [],
    ),
    handles: [...first.handles].flatMap(([id, handle]) =>
      others.every((other) => other.handles.has(id)) ? [handle] : [],
    ),
  };
}

function allocationId({ ip, handle, sequenceNumber }: ReportedAllocation): string {
  return `${ip} ${handle ?? ''} ${String(sequenceNumber)}`;
}

/** What the reports must agree with. */
export interface ClusterState {
  readonly version: string;
  readonly clusterGuid: string;
  readonly clusterInformationRevision: string;
  readonly isLocked: boolean;
}

/**
 * Whether leaks of these reports may be released: warnings to print, or the reason to refuse. `force` passes
 * over another version and an unlocked datastore, but never over another cluster or reports that are all old.
 */
export function guardReports(
  reports: readonly (Report & { readonly file: string })[],
  cluster: ClusterState,
  force: boolean,
): { readonly refusal: string } | { readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  for (const { file, clusterGuid, version } of reports) {
    if (clusterGuid !== cluster.clusterGuid) {
      return {
        refusal: `cluster does not match the provided report (${file}): mismatched cluster GUID. Refusing to release`,
      };
    }
    if (version === cluster.version) continue;
    if (!force) {
      return {
        refusal: `the provided report (${file}) was produced using a different version (${version}) of calicoctl. Refusing to release`,
      };
    }
    warnings.push(
      'WARNING: Report was produced using a different version of calicoctl. Ignoring due to --force option',
    );
  }
  const revision = cluster.clusterInformationRevision;
  if (!reports.some((report) => report.clusterInformationRevision === revision)) {
    return {
      refusal:
        'the provided reports are all stale - at least one should be up-to-date. Please generate a new report while the data store is locked and try again',
    };
  }
  if (!cluster.isLocked) {
    if (!force) {
      return { refusal: 'data store is not locked. Either lock the data store, or re-run with --force' };
    }
    warnings.push('WARNING: Data store is not locked. Ignoring due to --force option');
  }
  return { warnings };
}
