/** Go's `url.PathEscape`, where it differs from `encodeURIComponent`: these stay as they are ... */
const KEPT = /%(24|26|2B|3A|3D|40)/g;
/** ... and these do not. */
const ESCAPED_TOO = /[!'()*]/g;

function pathEscape(part: string): string {
  return encodeURIComponent(part)
    .replaceAll(KEPT, (code) => decodeURIComponent(code))
    .replaceAll(ESCAPED_TOO, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * The name of the file by which Felix tells, on the node, that a workload endpoint is programmed: the three parts of
 * its identity, escaped, with blanks between (Calico's `WorkloadEndpointStatusFile`). `workload` is
 * `<namespace>/<name>`.
 */
export function workloadEndpointStatusFileName(parts: {
  readonly orchestrator: string;
  readonly workload: string;
  readonly endpoint: string;
}): string {
  return [parts.orchestrator, parts.workload, parts.endpoint].map(pathEscape).join(' ');
}
