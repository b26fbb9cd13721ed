/** What a workload endpoint's name is made of; a later part may be missing for a prefix. */
export interface WorkloadEndpointParts {
  readonly node?: string | undefined;
  readonly orchestrator?: string | undefined;
  readonly workload?: string | undefined;
  readonly pod?: string | undefined;
  readonly containerID?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** The parts of a name as it is spelt; the third is the pod, the container or the workload. */
export interface ParsedWorkloadEndpointName {
  readonly node: string;
  readonly orchestrator: string;
  readonly workload: string;
  readonly endpoint: string;
}

function segmentsOf({
  node,
  orchestrator,
  workload,
  pod,
  containerID,
  endpoint,
}: WorkloadEndpointParts): readonly (string | undefined)[] {
  switch (orchestrator) {
    case 'k8s':
      return [node, orchestrator, pod, endpoint];
    case 'cni':
      return [node, orchestrator, containerID, endpoint];
    case 'libnetwork':
      return [node, orchestrator, 'libnetwork', endpoint];
    default:
      return [node, orchestrator, workload, endpoint];
  }
}

function escapeSegment(segment: string): string {
  if (segment.startsWith('-') || segment.endsWith('-')) {
    throw new RangeError(`"${segment}" must not start or end with "-" in a workload endpoint's name`);
  }
  return segment.replaceAll('-', '--');
}

/**
 * `<node>-<orchestrator>-<workload>-<endpoint>`, each with its own dashes doubled (libcalico-go/lib/names).
 * Throws RangeError where a part is missing or has a dash at its ends.
 */
export function workloadEndpointName(parts: WorkloadEndpointParts): string {
  return segmentsOf(parts)
    .map((segment) => {
      if (segment === undefined || segment === '')
        throw new RangeError("a part of the workload endpoint's name is missing");
      return escapeSegment(segment);
    })
    .join('-');
}

/** What the names of all endpoints with these leading parts start with: `<node>-k8s-`. Throws RangeError as above. */
export function workloadEndpointNamePrefix(parts: WorkloadEndpointParts): string {
  let prefix = '';
  for (const segment of segmentsOf(parts)) {
    if (segment === undefined || segment === '') break;
    prefix += `${escapeSegment(segment)}-`;
  }
  return prefix;
}

/** Four parts; a dash with another behind it is part of one, unless it is the first character. */
const NAME = /^(?!-)(?:[^-]|--)+(?:-(?!-)(?:[^-]|--)+){3}$/;

/** Whether the name has four parts. Takes a quarter of what parsing it does. */
export function isWorkloadEndpointName(name: string): boolean {
  return NAME.test(name);
}

/** The parts of a name; undefined where it has not exactly four. */
export function parseWorkloadEndpointName(name: string): ParsedWorkloadEndpointName | undefined {
  const segments: string[] = [];
  let start = 0;
  for (let dash = name.indexOf('-'); dash !== -1; dash = name.indexOf('-', dash)) {
    if (dash > 0 && name.charAt(dash + 1) === '-') {
      dash += 2;
    } else {
      segments.push(name.slice(start, dash));
      start = ++dash;
    }
  }
  segments.push(name.slice(start));
  if (segments.length !== 4) return undefined;
  const [node, orchestrator, workload, endpoint] = segments.map((segment) =>
    segment.includes('--') ? segment.replaceAll('--', '-') : segment,
  );
  if (!node || !orchestrator || !workload || !endpoint) return undefined;
  return { node, orchestrator, workload, endpoint };
}
