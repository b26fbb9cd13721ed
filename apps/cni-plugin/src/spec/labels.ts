import type { JsonReader } from './json-reader.ts';

/**
 * Text of any characters, as Mesos has labels, as one of Kubernetes' (Calico's rule): a slash is a dot, what else may not be
 * there a dash, and dots and dashes stand alone and never at an end.
 */
function sanitized(text: string): string {
  return text
    .replaceAll('/', '.')
    .replaceAll(/[^-_.a-zA-Z0-9]+/g, '-')
    .replaceAll(/[.-]*[.][.-]*/g, '.')
    .replaceAll(/^[.-]+|[.-]+$/g, '');
}

/** `[{key, value}]`, the form of CNI's conventions and of Mesos. */
function fromPairs(
  reader: JsonReader,
  labels: Record<string, string>,
  adapt: (text: string) => string = (text) => text,
): void {
  for (const pair of reader.objects('labels')) {
    const { key, value } = pair;
    if (typeof key === 'string' && key !== '' && (typeof value === 'string' || value === undefined)) {
      labels[adapt(key)] = adapt(value ?? '');
    } else {
      reader.problems.push(`labels: ${JSON.stringify(pair)} is not {"key": ..., "value": ...}`);
    }
  }
}

/**
 * The labels for a workload that no orchestrator describes, from a configuration's `args`. Three forms,
 * later ones win: `args."org.apache.mesos".network_info.labels.labels` and `args.cni.labels`, both lists of
 * `{key, value}`, and `args.labels`, an object.
 */
export function readLabels(args: JsonReader): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  fromPairs(args.nested('org.apache.mesos').nested('network_info').nested('labels'), labels, sanitized);
  fromPairs(args.nested('cni'), labels);
  for (const [key, value] of Object.entries(args.nested('labels').object)) {
    if (typeof value === 'string') labels[key] = value;
    else args.problems.push(`args.labels.${key}: ${JSON.stringify(value)} is not a string`);
  }
  return labels;
}
