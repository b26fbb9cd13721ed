import { annotationKey, labelKey, labelValue } from '../checks/names.ts';
import { list, map, opaque } from '../schema/containers.ts';
import { int, string, text, time } from '../schema/scalars.ts';
import type { Infer } from '../schema/schema.ts';
import { optional, pointer, required, struct, zeroable } from '../schema/struct.ts';

const MAX_ANNOTATION_BYTES = 256 * 1024;

const utf8 = new TextEncoder();

/** Kubernetes' ObjectMeta, as far as Calico stores it. */
export const objectMeta = struct(
  'ObjectMeta',
  {
    name: required(string),
    generateName: optional(string),
    namespace: optional(string),
    selfLink: optional(string),
    uid: optional(string),
    resourceVersion: optional(string),
    generation: optional(int()),
    creationTimestamp: zeroable(time),
    deletionTimestamp: pointer(time),
    deletionGracePeriodSeconds: pointer(int()),
    labels: optional(map(text(labelValue), { key: labelKey })),
    annotations: optional(map(string, { key: annotationKey })),
    ownerReferences: optional(list(opaque)),
    finalizers: optional(list(string)),
    managedFields: optional(list(opaque)),
  },
  ({ annotations }, report) => {
    const size = Object.entries(annotations ?? {}).reduce((sum, entry) => sum + utf8.encode(entry.join('')).length, 0);
    if (size > MAX_ANNOTATION_BYTES) {
      report(['annotations'], size, `must have at most ${MAX_ANNOTATION_BYTES} bytes of keys and values, not ${size}`);
    }
  },
);

export type ObjectMeta = Infer<typeof objectMeta>;
