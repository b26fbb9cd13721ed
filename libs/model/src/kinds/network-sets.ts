import { net } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { text } from '../schema/scalars.ts';
import { noted } from '../schema/schema.ts';
import { always, optional, struct, type Report } from '../schema/struct.ts';
import { joinedShort, type Columns } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import type { ObjectMeta } from './object-meta.ts';

/** The label that says which namespace an endpoint or network set is in; only Calico itself sets it. */
export const NAMESPACE_LABEL = 'projectcalico.org/namespace';

const nets = optional(list(text(net)), 'Addresses and networks.');

const columns: Columns<{ readonly spec: { readonly nets?: readonly string[] | undefined } }> = {
  get: ['NAME'],
  wide: ['NAME', 'NETS'],
  cells: { NETS: ({ spec }) => joinedShort(spec.nets) },
};

export const networkSet = defineKind({
  kind: 'NetworkSet',
  name: resourceName,
  docs: {
    summary: 'Networks with labels, for rules of policies of one namespace to select.',
    example: {
      metadata: { name: 'databases', namespace: 'prod', labels: { role: 'db' } },
      spec: { nets: ['10.5.0.0/24'] },
    },
  },
  columns,
  body: { spec: always(struct('NetworkSetSpec', { nets })) },
  checks: [noted(`no label ${NAMESPACE_LABEL}`, checkNamespaceLabel)],
});

export type NetworkSet = ResourceOfDefinition<typeof networkSet>;

export const globalNetworkSet = defineKind({
  kind: 'GlobalNetworkSet',
  name: resourceName,
  docs: {
    summary: 'Networks with labels, for rules of policies to select.',
    example: {
      metadata: { name: 'office', labels: { role: 'office' } },
      spec: { nets: ['192.0.2.0/24', '2001:db8::/32'] },
    },
  },
  columns,
  body: { spec: always(struct('GlobalNetworkSetSpec', { nets })) },
  checks: [noted(`no label ${NAMESPACE_LABEL}`, checkNamespaceLabel)],
});

export type GlobalNetworkSet = ResourceOfDefinition<typeof globalNetworkSet>;

function checkNamespaceLabel({ metadata: { labels = {} } }: { readonly metadata: ObjectMeta }, report: Report): void {
  if (Object.hasOwn(labels, NAMESPACE_LABEL)) {
    report(['metadata', 'labels', NAMESPACE_LABEL], labels[NAMESPACE_LABEL], 'is reserved');
  }
}
