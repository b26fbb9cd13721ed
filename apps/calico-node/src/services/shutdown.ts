import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { nodePaths, type Logger } from '@calico-node/service';
import { KubernetesApi } from '../kubernetes/api.ts';
import { setNetworkUnavailable } from '../kubernetes/node-status.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** Where a shutdown's time is kept. */
export function shutdownFile(env: Variables): string {
  const chosen = env['CALICO_SHUTDOWN_TIMESTAMP_FILE'] ?? '';
  return chosen === '' ? `${nodePaths(env).libDir}/shutdownTS` : chosen;
}

/** The Kubernetes API and this node's name there; undefined outside of Kubernetes. */
export function kubernetesOf(
  env: Variables,
  nodeName: string,
  serviceAccountDir?: string,
): { readonly api: KubernetesApi; readonly nodeName: string } | undefined {
  const api = KubernetesApi.of(env, serviceAccountDir);
  const ref = env['CALICO_K8S_NODE_REF'] ?? '';
  return api === undefined ? undefined : { api, nodeName: ref === '' ? nodeName : ref };
}

export interface ShutdownOptions {
  readonly env: Variables;
  readonly nodeName: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly serviceAccountDir?: string;
}

/** Notes the time, and tells Kubernetes, where there is one, that pods of this node lose their network. */
export async function shutDown({ env, nodeName, log, signal, serviceAccountDir }: ShutdownOptions): Promise<void> {
  const path = shutdownFile(env);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${new Date().toISOString()}\n`);
  const kubernetes = kubernetesOf(env, nodeName, serviceAccountDir);
  if (kubernetes === undefined) return;
  await setNetworkUnavailable(kubernetes.api, kubernetes.nodeName, true, new Date(), signal);
  log.info('Kubernetes knows that the network goes');
}
