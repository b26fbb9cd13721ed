/** What Calico's CSI driver writes of the pod that a socket's directory is mounted into. */
export interface PodCredentials {
  readonly namespace: string;
  readonly workload: string;
}

/** @throws Error that says what is wrong with the file's text. */
export function parsePodCredentials(text: string): PodCredentials {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('it is no JSON object');
  // Go's decoder, which reads it in Calico, does not mind capitals.
  const fields = new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field as unknown]));
  const read = (name: string): string => {
    const field = fields.get(name.toLowerCase());
    if (typeof field !== 'string' || field === '') throw new Error(`${name} is missing`);
    return field;
  };
  return { namespace: read('Namespace'), workload: read('Workload') };
}
