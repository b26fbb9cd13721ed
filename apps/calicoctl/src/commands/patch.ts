import { parse } from 'yaml';
import { parseResource, type Resource } from '@calico-node/model';
import { describeError } from '../describe-error.ts';
import { CommandError, type Io } from '../io.ts';
import { strategicMerge } from '../merge-patch.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { kindOf, namespaceFor } from './targets.ts';

export interface PatchOptions extends DatastoreOptions {
  readonly kind: string;
  readonly name: string;
  readonly patch: string;
  /** Accepted, without effect: a strategic merge patch is always applied (calico-calicoctl 9.2). */
  readonly type?: string;
  readonly namespace?: string;
}

/** `calicoctl patch`: reads, merges, checks and writes back at the revision that was read. */
export async function patch(options: PatchOptions, io: Io): Promise<void> {
  const kind = kindOf(options.kind);
  const namespace = namespaceFor(kind, options.namespace);
  const changes = parsePatch(options.patch);
  await withSession(options, io, async ({ resources }) => {
    try {
      const current: Resource = await resources.get(kind, options.name, namespace);
      await resources.update(parseResource(strategicMerge(current, changes), { strict: true }));
    } catch (error) {
      throw new CommandError(`failed to patch '${kind}' resource: ${describeError(error)}`, { cause: error });
    }
  });
  io.out(`Successfully patched 1 '${kind}' resource\n`);
}

function parsePatch(text: string): unknown {
  try {
    const value: unknown = parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new CommandError(`the patch is neither JSON nor YAML: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  throw new CommandError('the patch must be an object with the fields to change');
}
