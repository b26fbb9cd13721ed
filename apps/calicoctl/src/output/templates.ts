import { Template } from '@calico-node/go-template';
import type { ColumnContext } from '@calico-node/model';
import { JsonPath } from '../jsonpath/jsonpath.ts';

/** The values through a Go template, which has them as a list; `config "asNumber"` gives the cluster's AS number. */
export function renderGoTemplate(text: string, values: readonly unknown[], { asNumber }: ColumnContext): string {
  const config = (name: unknown): string => {
    if (typeof name === 'string' && name.toLowerCase() === 'asnumber') return String(asNumber);
    throw new Error('unhandled config type');
  };
  return new Template(text, { functions: { config } }).render(values);
}

/** The values through a JSONPath: one as itself, several as a list's items, as kubectl has them. */
export function renderJsonPath(text: string, values: readonly unknown[]): string {
  const data = values.length === 1 ? values[0] : { apiVersion: 'v1', kind: 'List', items: values };
  return new JsonPath(text).render(data);
}
