import { findKind, kindInfo, type Kind } from '@calico-node/model';
import { CommandError, type Io } from '../io.ts';
import type { Position } from '../input/documents.ts';
import type { LoadOptions } from '../input/load.ts';
import type { Named } from './named.ts';

export interface TargetOptions extends LoadOptions {
  /** As typed: any of the kind's names. */
  readonly kind?: string | undefined;
  readonly names: readonly string[];
  readonly allNamespaces?: boolean;
}

/** One resource, or all of a kind in a namespace or in all (`namespace` undefined). */
export type Target =
  | { readonly type: 'one'; readonly named: Named; readonly position?: Position }
  | { readonly type: 'all'; readonly kind: Kind; readonly namespace: string | undefined };

/** The kind that a name or its abbreviation stands for. @throws CommandError */
export function kindOf(name: string): Kind {
  const kind = findKind(name);
  if (kind === undefined) throw new CommandError(`failed to execute command: resource type '${name}' is not supported`);
  return kind;
}

/** The namespace for a kind: `default` unless one is asked for. @throws CommandError when the kind has none. */
export function namespaceFor(kind: Kind, asked: string | undefined, allNamespaces = false): string | undefined {
  if (kindInfo(kind).namespaced) return allNamespaces ? undefined : (asked ?? 'default');
  if (asked !== undefined || allNamespaces) throw new CommandError(`${kind} is not namespaced`);
  return undefined;
}

/** What `KIND [NAME...]` or `-f` names. @throws CommandError, InputError */
export async function targetsOf(options: TargetOptions, io: Io): Promise<readonly Target[]> {
  if (options.kind === undefined) {
    if (options.filenames.length === 0) throw new CommandError('name a kind of resource, or give a file with -f');
    const { stageResources } = await import('../input/stage.ts');
    await using staged = await stageResources(options, io);
    const targets: Target[] = [];
    for await (const { resource, position } of staged.items()) {
      const { kind, metadata } = resource;
      const { name, namespace } = metadata;
      targets.push({ type: 'one', named: { kind, metadata: { name, namespace } }, position });
    }
    return targets;
  }
  if (options.filenames.length > 0) throw new CommandError('give either a kind or a file, not both');
  const kind = kindOf(options.kind);
  const namespace = namespaceFor(kind, options.namespace, options.allNamespaces);
  if (options.names.length === 0) return [{ type: 'all', kind, namespace }];
  if (options.allNamespaces === true) throw new CommandError('names and --all-namespaces exclude each other');
  return options.names.map((name) => ({
    type: 'one',
    named: { kind, metadata: namespace === undefined ? { name } : { name, namespace } },
  }));
}
