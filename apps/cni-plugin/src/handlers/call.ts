import type { NodeName } from '@calico-node/net';
import { readNodeName } from '../node/node-facts.ts';
import type { Attachment } from '../spec/environment.ts';
import type { NetworkConfig } from '../spec/network-config.ts';
import type { Store } from '../store/stores.ts';
import { workloadOf, type Workload } from '../endpoint/workload.ts';
import { interfacePrefix } from '../endpoint/interface-name.ts';
import type { HandlerContext } from './context.ts';

/** One command about one attachment, with everything that identifies it. */
export interface AttachmentCall {
  readonly config: NetworkConfig;
  readonly attachment: Attachment;
  readonly pluginPath: readonly string[];
  /** The CNI_* environment as it came, for delegated plug-ins. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly node: NodeName;
  readonly workload: Workload;
  readonly store: Store;
  /** What the names of our interfaces on the host start with. */
  readonly prefixes: readonly string[];
  readonly context: HandlerContext;
  readonly signal: AbortSignal;
}

export type CallInput = Pick<
  AttachmentCall,
  'config' | 'attachment' | 'pluginPath' | 'variables' | 'context' | 'signal'
>;

/** @throws CniError when the node or its store is not known. */
export function identifyCall(input: CallInput): AttachmentCall {
  const { config, attachment, context } = input;
  return {
    ...input,
    node: readNodeName(config, context.paths),
    workload: workloadOf(attachment),
    store: context.stores.open(config.datastoreEnvironment),
    prefixes: [...new Set([interfacePrefix(context.env), 'cali'])],
  };
}
