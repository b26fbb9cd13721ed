import type { Resource } from '@calico-node/model';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { kindOf, namespaceFor } from './targets.ts';

export interface LabelOptions extends DatastoreOptions {
  readonly kind: string;
  readonly name: string;
  /** `key=value`, or the key to remove. */
  readonly label: string;
  readonly namespace?: string;
  readonly overwrite?: boolean;
  readonly remove?: boolean;
}

/** `calicoctl label`: sets or removes one label. */
export async function label(options: LabelOptions, io: Io): Promise<void> {
  const kind = kindOf(options.kind);
  const { name } = options;
  const namespace = namespaceFor(kind, options.namespace);
  const { key, value } = splitLabel(options);
  await withSession(options, io, async ({ resources }) => {
    const resource: Resource = await resources.get(kind, name, namespace);
    const { [key]: before, ...others } = resource.metadata.labels ?? {};
    if (value === undefined) {
      if (before === undefined)
        throw new CommandError(`can not remove label: key ${key} does not exist in ${kind} ${name}`);
      await resources.update({ ...resource, metadata: { ...resource.metadata, labels: others } });
      io.out(`Successfully removed label ${key} from ${kind} ${name}\n`);
      return;
    }
    if (before !== undefined && before !== value && options.overwrite !== true) {
      throw new CommandError(
        `failed to update label of ${kind} ${name}: key ${key} is already present. use '--overwrite' to override`,
      );
    }
    await resources.update({ ...resource, metadata: { ...resource.metadata, labels: { ...others, [key]: value } } });
    io.out(`Successfully ${before === undefined ? 'set' : 'updated'} label ${key} on ${kind} ${name}\n`);
  });
}

function splitLabel({ label: text, remove }: LabelOptions): { readonly key: string; readonly value?: string } {
  if (remove === true) return { key: text };
  const equals = text.indexOf('=');
  if (equals <= 0) throw new CommandError(`invalid label ${text}: give key=value`);
  return { key: text.slice(0, equals), value: text.slice(equals + 1) };
}
