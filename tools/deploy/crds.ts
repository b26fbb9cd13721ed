import { describeKind, kindInfo, kinds } from '@calico-node/model';
import { stringify } from 'yaml';
import { type CrdSchema, kindSchema } from './crd-schema.ts';
import { ipamKinds } from './ipam-crds.ts';

const GROUP = 'crd.projectcalico.org';

/** Kept in Kubernetes' own objects, or (address management) in a form of its own. */
const notCustom: readonly string[] = ['Node', 'Profile', 'WorkloadEndpoint', 'BlockAffinity', 'IPAMConfiguration'];

export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: Readonly<Record<'kind' | 'listKind' | 'plural' | 'singular', string>>;
    readonly scope: 'Cluster' | 'Namespaced';
    readonly preserveUnknownFields: false;
    readonly versions: readonly {
      readonly name: 'v1';
      readonly served: true;
      readonly storage: true;
      readonly schema: { readonly openAPIV3Schema: CrdSchema };
    }[];
  };
}

function definition(kind: string, plural: string, isNamespaced: boolean, schema: CrdSchema): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: isNamespaced ? 'Namespaced' : 'Cluster',
      preserveUnknownFields: false,
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
}

/** The custom resources that hold Calico's data in Kubernetes, from the tables of `libs/model`, by name. */
export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  const stored = kinds.filter((kind) => !notCustom.includes(kind));
  const resources = stored.map((kind) => {
    const { plural, namespaced } = kindInfo(kind);
    return definition(kind, plural, namespaced, kindSchema(describeKind(kind)));
  });
  const ipam = ipamKinds.map(({ kind, plural, schema }) => definition(kind, plural, false, schema));
  return [...resources, ...ipam].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** The file deploy/kubernetes/crds.yaml. */
export function crdFile(): string {
  const head = "# Made by `node tools/deploy/generate-crds.ts` from libs/model's tables: change those.\n";
  const documents = customResourceDefinitions().map((each) =>
    stringify(each, { aliasDuplicateObjects: false, lineWidth: 0 }),
  );
  return head + documents.map((text) => `---\n${text}`).join('');
}
