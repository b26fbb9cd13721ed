const V2 = '/calico/felix/v2/';
const V1 = '/calico/felix/v1/';

/** `no-region`, or `region-<OpenStack region>`. Throws RangeError where the region holds "/". */
function regionSegment(region: string | undefined): string {
  if (region === undefined || region === '') return 'no-region';
  if (region.includes('/')) throw new RangeError(`the region "${region}" must not hold "/"`);
  return `region-${region}`;
}

/** `%` and `/` as `%25` and `%2f`. */
function escapeSegment(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('/', '%2f');
}

function unescapeSegment(text: string): string {
  return text.replaceAll('%2f', '/').replaceAll('%25', '%');
}

function hostPrefix(host: string, region: string | undefined): string {
  return `${V2}${regionSegment(region)}/host/${host}/`;
}

/** Where a living Felix says so; written with a lease. */
export function felixStatusKey(host: string, region?: string): string {
  return `${hostPrefix(host, region)}status`;
}

/** The same without a lease. */
export function felixLastStatusKey(host: string, region?: string): string {
  return `${hostPrefix(host, region)}last_reported_status`;
}

export interface WorkloadEndpointStatusKey {
  readonly host: string;
  readonly orchestrator: string;
  /** For a Kubernetes pod `<namespace>/<pod>`. */
  readonly workload: string;
  readonly endpoint: string;
  readonly region?: string | undefined;
}

export function workloadEndpointStatusKey({
  host,
  orchestrator,
  workload,
  endpoint,
  region,
}: WorkloadEndpointStatusKey): string {
  const [orch, work, ep] = [orchestrator, workload, endpoint].map(escapeSegment);
  return `${workloadEndpointStatusPrefix(host, region)}${orch ?? ''}/${work ?? ''}/endpoint/${ep ?? ''}`;
}

/** What the keys of a host's workload endpoint statuses start with. */
export function workloadEndpointStatusPrefix(host: string, region?: string): string {
  return `${hostPrefix(host, region)}workload/`;
}

const WORKLOAD_STATUS_KEY =
  /^\/calico\/felix\/v2\/(no-region|region-[^/]+)\/host\/([^/]+)\/workload\/([^/]+)\/([^/]+)\/endpoint\/([^/]+)$/;

/** Undefined for other keys. */
export function parseWorkloadEndpointStatusKey(key: string): WorkloadEndpointStatusKey | undefined {
  const match = WORKLOAD_STATUS_KEY.exec(key);
  if (match === null) return undefined;
  const [region = '', host = '', orchestrator = '', workload = '', endpoint = ''] = match.slice(1);
  return {
    host,
    orchestrator: unescapeSegment(orchestrator),
    workload: unescapeSegment(workload),
    endpoint: unescapeSegment(endpoint),
    ...(region === 'no-region' ? {} : { region: region.slice('region-'.length) }),
  };
}

export function hostEndpointStatusKey(host: string, name: string): string {
  return `${hostEndpointStatusPrefix(host)}${escapeSegment(name)}`;
}

/** What the keys of a host's host endpoint statuses start with. */
export function hostEndpointStatusPrefix(host: string): string {
  return `${V1}host/${host}/endpoint/`;
}
