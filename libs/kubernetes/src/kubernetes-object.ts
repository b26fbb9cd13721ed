/** An object of the Kubernetes API, as it comes. */
export type KubernetesObject = Readonly<Record<string, unknown>>;

/** The value, or an empty object where it is none. */
export function objectIn(value: unknown): KubernetesObject {
  return isKubernetesObject(value) ? value : {};
}

/** The objects in a list; none where it is no list. */
export function objectsIn(value: unknown): readonly KubernetesObject[] {
  return Array.isArray(value) ? value.filter(isKubernetesObject) : [];
}

/** The text, or `otherwise` where the value is none. */
export function textIn(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

function isKubernetesObject(value: unknown): value is KubernetesObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
