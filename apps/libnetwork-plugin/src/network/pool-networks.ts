/*
 * Which Docker networks an IP pool serves, kept with the pool: after a restart of anything, the store says it.
 *
 * Calico's own plug-in notes one network per pool, under `org.projectcalico.label.network.ID`. We write that too, but
 * engines without a common store each give the network another identifier: ours notes all of them.
 */
import type { IPPool } from '@calico-node/model';

const calicoAnnotation = 'org.projectcalico.label.network.ID';
const networksAnnotation = 'libnetwork.projectcalico.org/networks';

/** Network identifiers, each with the node that created the network. */
type Networks = Readonly<Record<string, string>>;

/** What is noted; nothing of it where it cannot be read. */
export function networksOf({ metadata }: IPPool): Networks {
  try {
    const value: unknown = JSON.parse(metadata.annotations?.[networksAnnotation] ?? '{}');
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).flatMap(([id, node]) => (typeof node === 'string' ? [[id, node]] : [])),
    );
  } catch {
    return {};
  }
}

/** Whether a network's endpoints belong to the pool. */
export function serves(pool: IPPool, networkId: string): boolean {
  return pool.metadata.annotations?.[calicoAnnotation] === networkId || Object.hasOwn(networksOf(pool), networkId);
}

function annotated(pool: IPPool, calico: string | undefined, networks: Networks): IPPool {
  const { [calicoAnnotation]: _, [networksAnnotation]: __, ...others } = pool.metadata.annotations ?? {};
  const annotations = {
    ...others,
    ...(calico === undefined ? {} : { [calicoAnnotation]: calico }),
    ...(Object.keys(networks).length === 0 ? {} : { [networksAnnotation]: JSON.stringify(networks) }),
  };
  return { ...pool, metadata: { ...pool.metadata, annotations } };
}

/** The pool with a network noted. */
export function withNetwork(pool: IPPool, networkId: string, node: string): IPPool {
  return annotated(pool, networkId, { ...networksOf(pool), [networkId]: node });
}

/** The pool with a network no longer noted. */
export function withoutNetwork(pool: IPPool, networkId: string): IPPool {
  const { [networkId]: _, ...left } = networksOf(pool);
  const calico = pool.metadata.annotations?.[calicoAnnotation];
  return annotated(pool, calico === networkId ? Object.keys(left).at(-1) : calico, left);
}
