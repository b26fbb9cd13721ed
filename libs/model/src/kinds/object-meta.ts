import { annotationKey, labelKey, labelValue } from '../checks/names.ts';
import { list, map, opaque } from '../schema/containers.ts';
import { int, string, text, time } from '../schema/scalars.ts';
import { noted, type Infer } from '../schema/schema.ts';
import { optional, pointer, required, struct, zeroable, type Report } from '../schema/struct.ts';

const MAX_ANNOTATION_BYTES = 256 * 1024;

const utf8 = new TextEncoder();

/** The most that annotations may hold, as Kubernetes limits them. */
export const annotationSize = noted(
  'annotations of at most 256 KiB, keys and values together',
  ({ annotations = {} }: { readonly annotations?: Readonly<Record<string, string>> | undefined }, report: Report) => {
    const size = Object.entries(annotations).reduce((sum, entry) => sum + utf8.encode(entry.join('')).length, 0);
    if (size > MAX_ANNOTATION_BYTES) {
      report(['annotations'], size, `must have at most ${MAX_ANNOTATION_BYTES} bytes of keys and values, not ${size}`);
    }
  },
);

/** Kubernetes' ObjectMeta, as far as Calico stores it. */
export const objectMeta = struct(
  'ObjectMeta',
  {
    name: required(string, "The object's name, unique among its kind (and namespace)."),
    generateName: optional(string, 'Not supported; kept where another program wrote it.'),
    namespace: optional(string, 'The namespace; only kinds that are namespaced have one.'),
    selfLink: optional(string, 'Never stored.'),
    uid: optional(string, 'The identity of this very object; given on creation.'),
    resourceVersion: optional(string, "The store's revision of the last write; an update must name it."),
    generation: optional(int(), 'Not maintained.'),
    creationTimestamp: zeroable(time, 'When it was created; given on creation.'),
    deletionTimestamp: pointer(time, 'When deletion was asked for, where something delays it.'),
    deletionGracePeriodSeconds: pointer(int(), 'How long deletion may take.'),
    labels: optional(map(text(labelValue), { key: labelKey }), 'What selectors match.'),
    annotations: optional(
      map(string, { key: annotationKey }),
      'Notes for programs and people; 256 KiB of keys and values at most.',
    ),
    ownerReferences: optional(list(opaque), 'The objects that this one goes with.'),
    finalizers: optional(list(string), 'Who has work to do before it may go.'),
    managedFields: optional(list(opaque), "Kubernetes' record of who set which field."),
  },
  annotationSize,
);

export type ObjectMeta = Infer<typeof objectMeta>;
