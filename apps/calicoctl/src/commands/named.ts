import type { Kind } from '@calico-node/model';

/** What tells resources apart. */
export interface Named {
  readonly kind: Kind;
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
}

/** `NetworkPolicy(default/allow-web)`, as Calico names resources in messages. */
export function nameOf({ kind, metadata: { name, namespace } }: Named): string {
  return `${kind}(${namespace === undefined || namespace === '' ? '' : `${namespace}/`}${name})`;
}
