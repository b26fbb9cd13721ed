import { isDatastoreError, type Resources } from '@calico-node/datastore';
import { encodeResource, type Node } from '@calico-node/model';

const attempts = 10;

/**
 * Changes the Node in the store; writes nothing when nothing changes, and tries again when somebody else wrote in
 * between.
 *
 * @throws DatastoreError `not-found` when there is no such node, `conflict` when others never cease to write.
 */
export async function updateNode(
  resources: Resources,
  name: string,
  change: (node: Node) => Node,
  signal: AbortSignal,
): Promise<Node> {
  for (let attempt = 1; ; attempt++) {
    const stored = await resources.get('Node', name, undefined, { signal });
    const wanted = change(stored);
    if (encodeResource(stored) === encodeResource(wanted)) return stored;
    try {
      return await resources.update(wanted, { signal });
    } catch (error) {
      if (!isDatastoreError(error, 'conflict') || attempt === attempts) throw error;
    }
  }
}
