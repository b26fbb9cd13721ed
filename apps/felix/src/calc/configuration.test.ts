import { parseNodeName } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from './calc-graph.ts';
import { deleted, stored } from './testing/resources.ts';

const node = (labels: Readonly<Record<string, string>>, name = 'node1'): StoreUpdate =>
  stored('Node', { name, labels }, { bgp: { ipv4Address: '172.16.0.1/24' } });
const configuration = (name: string, nodeSelector?: string): StoreUpdate =>
  stored('FelixConfiguration', { name }, nodeSelector === undefined ? {} : { nodeSelector });

/** The names of what holds for node1, the strongest first; undefined: nothing has changed. */
function started(...updates: readonly StoreUpdate[]) {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  graph.onInSync();
  const take = (...more: readonly StoreUpdate[]): readonly string[] | undefined => {
    for (const update of more) graph.update(update);
    const [update] = graph.flush().intents.filter((intent) => intent.type === 'config-update');
    const resources = update && [update.node, ...update.selected, update.global];
    return resources?.flatMap((resource) => resource?.metadata.name ?? []);
  };
  return { first: take(...updates), take };
}

describe('the configuration of a node', () => {
  test('is the one of its name, then those that select it, the last by name first, then the cluster’s', () => {
    const { first } = started(
      configuration('default'),
      configuration('a-racks', "rack == '1'"),
      configuration('node.node1'),
      configuration('node.node2'),
      configuration('b-all', 'all()'),
      configuration('other-racks', "rack == '2'"),
      configuration('nobody'),
      node({ rack: '1' }),
    );
    expect(first).toEqual(['node.node1', 'b-all', 'a-racks', 'default']);
  });

  test('follows the labels of the node, and of no other', () => {
    const racks = configuration('racks', "rack == '1'");
    const { first, take } = started(racks, node({ rack: '2' }));
    expect(first).toEqual([]);
    expect(take(node({ rack: '1' }, 'node2'))).toBeUndefined();
    expect(take(node({ rack: '1' }))).toEqual(['racks']);
    expect(take(node({ rack: '1', zone: 'a' }))).toBeUndefined();
    expect(take(deleted(node({})))).toEqual([]);
    expect(take(node({ rack: '1' }))).toEqual(['racks']);
    expect(take(deleted(racks))).toEqual([]);
  });
});
