import type { NodeName } from '@calico-node/net';
import type { ClusterInformation, FelixConfiguration, Node } from '@calico-node/model';
import { labelsOf, parseSelector, type Selector } from '@calico-node/selector';
import type { ConfigUpdate } from './intents.ts';

/** A FelixConfiguration for the nodes that its selector selects. */
interface Selecting {
  readonly resource: FelixConfiguration;
  readonly selector: Selector;
}

/** The datastore's part of Felix's configuration: passed on whole at in-sync and whenever it changes. */
export class Configuration {
  readonly #nodeConfigurationName: string;
  readonly #selecting = new Map<string, Selecting>();
  #labels = labelsOf({});
  #current: ConfigUpdate = {
    type: 'config-update',
    global: undefined,
    selected: [],
    node: undefined,
    clusterInformation: undefined,
  };
  #isChanged = true;

  constructor(hostname: NodeName) {
    this.#nodeConfigurationName = `node.${hostname}`;
  }

  /** @throws SelectorError */
  setFelix(name: string, resource: FelixConfiguration | undefined): void {
    if (name === 'default') this.#change({ ...this.#current, global: resource });
    else if (name === this.#nodeConfigurationName) this.#change({ ...this.#current, node: resource });
    else this.#setSelecting(name, resource);
  }

  setCluster(name: string, resource: ClusterInformation | undefined): void {
    if (name === 'default') this.#change({ ...this.#current, clusterInformation: resource });
  }

  /** The node itself, whose labels resources select by. */
  setNode(node: Node | undefined): void {
    this.#labels = labelsOf(node?.metadata.labels ?? {});
    this.#select();
  }

  takeChanges(): readonly ConfigUpdate[] {
    if (!this.#isChanged) return [];
    this.#isChanged = false;
    return [this.#current];
  }

  #setSelecting(name: string, resource: FelixConfiguration | undefined): void {
    const text = resource?.spec.nodeSelector;
    // Without a selector it is for another node, by name.
    if (resource === undefined || text === undefined) this.#selecting.delete(name);
    else this.#selecting.set(name, { resource, selector: parseSelector(text) });
    this.#select();
  }

  #select(): void {
    // Of several the last by name wins.
    const selected = [...this.#selecting]
      .filter(([, { selector }]) => selector.evaluate(this.#labels))
      .sort(([a], [b]) => (a < b ? 1 : -1))
      .map(([, { resource }]) => resource);
    const { selected: before } = this.#current;
    const isSame = selected.length === before.length && selected.every((resource, index) => resource === before[index]);
    if (!isSame) this.#change({ ...this.#current, selected });
  }

  #change(next: ConfigUpdate): void {
    this.#current = next;
    this.#isChanged = true;
  }
}
