import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { crdFile, customResourceDefinitions } from './crds.ts';

const definitions = customResourceDefinitions();

type Value = Readonly<Record<string, unknown>>;

/** What Kubernetes' rules for structural schemas find wrong with a schema, each with its place. */
function structuralFaults(schema: Value, place: string): string[] {
  const { type, properties, items, additionalProperties } = schema;
  const faults: string[] = [];
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (type !== undefined) faults.push(`${place}: int-or-string has no type`);
  } else if (type === undefined) faults.push(`${place}: no type`);
  if (type === 'array' && items === undefined) faults.push(`${place}: an array without items`);
  if (type === 'object' && properties === undefined && additionalProperties === undefined && !isOpen) {
    if (!place.endsWith('.metadata')) faults.push(`${place}: an object of nothing`);
  }
  if (properties !== undefined && additionalProperties !== undefined) faults.push(`${place}: both sorts of properties`);
  const inner: readonly (readonly [string, unknown])[] = [
    ...Object.entries((properties ?? {}) as Value).map(([name, value]) => [`${place}.${name}`, value] as const),
    ...(items === undefined ? [] : [[`${place}[]`, items] as const]),
    ...(additionalProperties === undefined ? [] : [[`${place}{}`, additionalProperties] as const]),
  ];
  return [...faults, ...inner.flatMap(([name, value]) => structuralFaults(value as Value, name))];
}

test('deploy/kubernetes/crds.yaml is what generate-crds.ts makes', () => {
  const path = join(import.meta.dirname, '../../deploy/kubernetes/crds.yaml');
  expect(readFileSync(path, 'utf8'), 'stale: node tools/deploy/generate-crds.ts').toBe(crdFile());
});

test('the file is YAML of exactly these definitions', () => {
  const documents = parseAllDocuments(crdFile());
  expect(documents.flatMap((document) => document.errors)).toEqual([]);
  expect(documents.map((document) => document.toJS() as unknown)).toEqual(JSON.parse(JSON.stringify(definitions)));
});

test('every kind that Calico keeps as a custom resource is there', () => {
  expect(definitions.map(({ spec }) => spec.names.plural)).toEqual([
    ...['bgpconfigurations', 'bgpfilters', 'bgppeers', 'blockaffinities', 'caliconodestatuses'],
    ...['clusterinformations', 'felixconfigurations', 'globalnetworkpolicies', 'globalnetworksets', 'hostendpoints'],
    ...['ipamblocks', 'ipamconfigs', 'ipamhandles', 'ippools', 'ipreservations', 'kubecontrollersconfigurations'],
    ...['networkpolicies', 'networksets', 'stagedglobalnetworkpolicies', 'stagedkubernetesnetworkpolicies'],
    ...['stagednetworkpolicies', 'tiers'],
  ]);
});

describe.each(definitions.map((definition) => [definition.metadata.name, definition] as const))(
  '%s',
  (_name, { spec }) => {
    it('has a structural schema with a spec', () => {
      const [version] = spec.versions;
      const schema = version!.schema.openAPIV3Schema;
      expect(structuralFaults(schema as Value, spec.names.kind)).toEqual([]);
      expect(schema.properties?.['spec']?.type).toBe('object');
    });
  },
);
