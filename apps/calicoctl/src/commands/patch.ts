import { parse } from 'yaml';
import { parseResource, resourceToJson, type Resource } from '@calico-node/model';
import { describeError } from '../describe-error.ts';
import { CommandError, type Io } from '../io.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { kindOf, namespaceFor } from './targets.ts';

export interface PatchOptions extends DatastoreOptions {
  readonly kind: string;
  readonly name: string;
  readonly patch: string;
  /** Real calicoctl takes any of these and merges strategically in each case. */
  readonly type?: string;
  readonly namespace?: string;
}

const patchTypes: Readonly<Record<string, (target: unknown, changes: unknown) => unknown>> = {
  strategic: strategicMerge,
  merge: mergePatch,
  json: jsonPatch,
};

/** `calicoctl patch`: reads, patches, checks and writes back at the revision that was read. */
export async function patch(options: PatchOptions, io: Io): Promise<void> {
  const kind = kindOf(options.kind);
  const namespace = namespaceFor(kind, options.namespace);
  const { type = 'strategic' } = options;
  const applyPatch = patchTypes[type];
  if (applyPatch === undefined)
    throw new CommandError(`the patch type must be strategic, merge or json, not '${type}'`);
  const changes = parsePatch(options.patch, type === 'json' ? 'list' : 'object');
  await withSession(options, io, async ({ resources }) => {
    try {
      const current: Resource = await resources.get(kind, options.name, namespace);
      const patched = applyPatch(JSON.parse(resourceToJson(current)), changes);
      await resources.update(sameResource(parseResource(patched, { strict: true }), current));
    } catch (error) {
      throw new CommandError(`failed to patch '${kind}' resource: ${describeError(error)}`, { cause: error });
    }
  });
  io.out(`Successfully patched 1 '${kind}' resource\n`);
}

/** A patch must not make another resource of it. @throws CommandError */
function sameResource(patched: Resource, current: Resource): Resource {
  const isSame =
    patched.kind === current.kind &&
    patched.metadata.name === current.metadata.name &&
    patched.metadata.namespace === current.metadata.namespace;
  if (isSame) return patched;
  throw new CommandError('the kind, name and namespace of a resource cannot be patched');
}

function parsePatch(text: string, shape: 'list' | 'object'): unknown {
  try {
    const value: unknown = parse(text);
    if (typeof value === 'object' && value !== null && Array.isArray(value) === (shape === 'list')) return value;
  } catch (error) {
    throw new CommandError(`the patch is neither JSON nor YAML: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  throw new CommandError(
    shape === 'list'
      ? 'the patch must be a list of operations (RFC 6902)'
      : 'the patch must be an object with the fields to change',
  );
}
