import { isDatastoreError, type Resources } from '@calico-node/datastore';
import type { Resource } from '@calico-node/model';
import { CommandError, type Io } from '../io.ts';
import { describeError } from '../describe-error.ts';
import { parseFormat, printAnswers, type Answer, type Format } from '../output/printer.ts';
import { withSession, type DatastoreOptions, type Session } from '../session.ts';
import { targetsOf, type Target, type TargetOptions } from './targets.ts';

export type GetOptions = DatastoreOptions & TargetOptions & { readonly output?: string; readonly export?: boolean };

/** What nodes without an AS number use unless the default BGPConfiguration says otherwise. */
const DEFAULT_ASN = 64512;

/** `calicoctl get`: prints what was found, then fails if anything was not. */
export async function get(options: GetOptions, io: Io): Promise<void> {
  const format = parseFormat(options.output ?? 'ps');
  const targets = await targetsOf(options, io);
  const errors: string[] = [];
  const answerAll = async ({ resources }: Session): Promise<string> => {
    const answers: Answer[] = [];
    for (const target of targets) {
      try {
        answers.push(await answer(target, resources, options.export === true));
      } catch (error) {
        if (isDatastoreError(error, 'not-found')) errors.push(describeError(error));
        else throw new CommandError(`failed to get resources: ${describeError(error)}`, { cause: error });
      }
    }
    if (answers.length === 0) return '';
    const showsNamespace = options.allNamespaces === true || options.namespace !== undefined;
    const needsAsn = usesAsn(format, answers);
    const context = { asNumber: needsAsn ? await globalAsn(resources) : DEFAULT_ASN };
    return await printAnswers(answers, { format, showsNamespace, context });
  };
  const text = await withSession(options, io, answerAll, { isReadOnly: true });
  io.out(text);
  if (errors.length > 0) throw new CommandError(errors.join('\n'));
}

async function answer(target: Target, resources: Resources, isExport: boolean): Promise<Answer> {
  if (target.type === 'all') {
    const { items, revision } = await resources.list(target.kind, target.namespace);
    return { type: 'list', kind: target.kind, items, revision };
  }
  const { kind, metadata } = target.named;
  const resource: Resource = await resources.get(kind, metadata.name, metadata.namespace);
  return { type: 'one', resource: isExport ? exported(resource) : resource };
}

/** Without what belongs to this cluster, so that it can be created in another one. */
function exported(resource: Resource): Resource {
  const {
    namespace: _namespace,
    uid: _uid,
    resourceVersion: _resourceVersion,
    creationTimestamp: _creationTimestamp,
    deletionTimestamp: _deletionTimestamp,
    deletionGracePeriodSeconds: _deletionGracePeriodSeconds,
    ...metadata
  } = resource.metadata;
  return { ...resource, metadata };
}

/** Whether the cluster's AS number is to be printed, which costs a request. */
function usesAsn(format: Format, answers: readonly Answer[]): boolean {
  switch (format.type) {
    case 'table': {
      const names = format.headings ?? (format.isWide ? ['ASN'] : []);
      return names.includes('ASN') && answers.some(isOfNodes);
    }
    case 'go-template':
    case 'go-template-file':
      return true;
    default:
      return false;
  }
}

function isOfNodes(answer: Answer): boolean {
  return (answer.type === 'one' ? answer.resource.kind : answer.kind) === 'Node';
}

async function globalAsn(resources: Resources): Promise<number> {
  try {
    return (await resources.get('BGPConfiguration', 'default')).spec.asNumber ?? DEFAULT_ASN;
  } catch (error) {
    if (isDatastoreError(error, 'not-found')) return DEFAULT_ASN;
    throw error;
  }
}
