import type { Logger, NodePaths } from '@calico-node/service';
import type { FelixConnection } from '@calico-node/workload';
import type { CallLogs } from '../server/call-logs.ts';
import type { KubernetesClients } from '../kubernetes/clients.ts';
import type { Stores } from '../store/stores.ts';

/** What every command works with; the server keeps one for its life, the exec'd program one for its call. */
export interface HandlerContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly paths: NodePaths;
  readonly log: Logger;
  readonly callLogs: CallLogs;
  readonly stores: Stores;
  readonly felix: FelixConnection;
  readonly kubernetes: KubernetesClients;
}
