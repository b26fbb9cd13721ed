import { isDatastoreError, type Resources } from '@calico-node/datastore';
import { resourceToJson, type Resource } from '@calico-node/model';
import { describeError } from '../describe-error.ts';
import { withEditedFile, type EditFile } from '../edit/editor.ts';
import { readText } from '../input/load.ts';
import { describeProblem } from '../input/problems.ts';
import type { Io } from '../io.ts';
import { renderYaml } from '../output/yaml.ts';
import { mergePatch, mergePatchBetween } from '../patch/merge-patch.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { nameOf } from './named.ts';
import { refuseReadOnly } from './read-only.ts';
import { kindOf, namespaceFor } from './targets.ts';

export interface EditOptions extends DatastoreOptions {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

const INTRODUCTION = [
  'Change the resource below. Lines that begin with # are left out.',
  'Save it unchanged, or empty, to leave the resource as it is.',
];

/**
 * `calicoctl edit`: the resource in the user's editor, until what is saved is valid and written, or nothing is
 * changed. What others changed meanwhile is kept: the user's changes are made to the newest state, and shown.
 */
export async function edit(options: EditOptions, io: Io): Promise<void> {
  const kind = kindOf(options.kind);
  const namespace = namespaceFor(kind, options.namespace);
  const read = async (resources: Resources): Promise<Resource> => resources.get(kind, options.name, namespace);
  await withSession(options, io, async ({ resources }) => {
    const current = await read(resources);
    refuseReadOnly('Update', current);
    const text = await withEditedFile(io, `${kind.toLowerCase()}-${options.name}`, (file) =>
      editUntilDone(file, current, resources, read),
    );
    io.out(text);
  });
}

async function editUntilDone(
  file: EditFile,
  first: Resource,
  resources: Resources,
  read: (resources: Resources) => Promise<Resource>,
): Promise<string> {
  let current = first;
  let shown = renderYaml(plain(current));
  let notes: readonly string[] = INTRODUCTION;
  let isMerged = false;
  for (;;) {
    const saved = await file.edit(`${notes.map((line) => `# ${line}\n`).join('')}${shown}`);
    const body = withoutNotes(saved);
    if (body.trim() === '' || (body === shown && !isMerged)) {
      if (notes === INTRODUCTION || body.trim() === '') return 'Edit cancelled, no changes made.\n';
      throw file.keep(`Edit cancelled, nothing was written: ${notes.join('; ')}`);
    }
    const edited = await check(body, current);
    if ('problems' in edited) {
      [shown, notes, isMerged] = [body, edited.problems, false];
      continue;
    }
    try {
      await resources.update(withMetadata(edited.resource, current));
      return `${nameOf(current)} edited\n`;
    } catch (error) {
      if (!isDatastoreError(error, 'conflict')) {
        [shown, notes, isMerged] = [body, describeError(error).split('\n'), false];
        continue;
      }
      const changes = mergePatchBetween(plain(current), plain(withMetadata(edited.resource, current)));
      current = await read(resources);
      shown = renderYaml(mergePatch(plain(current), changes));
      notes = [
        'Somebody else changed the resource meanwhile. Below are your changes made to its newest state:',
        'save it to write it, or save nothing but an empty file to leave the resource as it is.',
      ];
      isMerged = true;
    }
  }
}

/** The one resource that was saved, or what is wrong with it. */
async function check(
  body: string,
  current: Resource,
): Promise<{ readonly resource: Resource } | { readonly problems: readonly string[] }> {
  const options = { skipEmpty: true, strict: true };
  const [result, ...others] = await Array.fromAsync(readText('the edited file', body, options));
  if (result === undefined || others.length > 0) return { problems: ['Give one resource.'] };
  if (result.type === 'refused') return { problems: result.problems.map(describeProblem) };
  if (nameOf(result.resource) === nameOf(current)) return { resource: result.resource };
  return { problems: [`The kind, name and namespace cannot be changed: this is ${nameOf(current)}.`] };
}

/** As edited, but with what the store gave: it is this very object, at the revision that was read. */
function withMetadata(edited: Resource, current: Resource): Resource {
  const { labels, annotations } = edited.metadata;
  return { ...edited, metadata: { ...current.metadata, labels, annotations } };
}

function plain(resource: Resource): unknown {
  return JSON.parse(resourceToJson(resource)) as unknown;
}

function withoutNotes(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
}
