import { objectIn, objectsIn, textIn, type KubernetesClient, type KubernetesObject } from '@calico-node/kubernetes';
import { tryParseIp, type IpAddress, type NodeName } from '@calico-node/net';

/** Pods in one answer. */
const pageSize = 250;

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

function addressesOf(status: KubernetesObject): readonly IpAddress[] {
  const listed = objectsIn(status['podIPs']).map(({ ip }) => ip);
  return [status['podIP'], ...listed].flatMap((ip) => tryParseIp(textIn(ip)) ?? []);
}

/** The node's pods by their addresses. Of those that say the same address it is the one that has not ended. */
export async function podsByAddress(
  client: KubernetesClient,
  node: NodeName,
  signal: AbortSignal,
): Promise<ReadonlyMap<IpAddress, PodName>> {
  const [running, ended] = [new Map<IpAddress, PodName>(), new Map<IpAddress, PodName>()];
  let next = '';
  do {
    const query = new URLSearchParams({ fieldSelector: `spec.nodeName=${node}`, limit: String(pageSize) });
    if (next !== '') query.set('continue', next);
    const list = objectIn(await client.get(`/api/v1/pods?${query.toString()}`, signal));
    for (const pod of objectsIn(list['items'])) {
      const [metadata, status] = [objectIn(pod['metadata']), objectIn(pod['status'])];
      const hasEnded = ['Succeeded', 'Failed'].includes(textIn(status['phase']));
      const name = { namespace: textIn(metadata['namespace']), name: textIn(metadata['name']) };
      for (const ip of addressesOf(status)) (hasEnded ? ended : running).set(ip, name);
    }
    next = textIn(objectIn(list['metadata'])['continue']);
  } while (next !== '');
  return new Map([...ended, ...running]);
}
