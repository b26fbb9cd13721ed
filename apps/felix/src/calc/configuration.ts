import type { NodeName } from '@calico-node/net';
import type { ClusterInformation, FelixConfiguration } from '@calico-node/model';
import type { ConfigUpdate } from './intents.ts';

/** The datastore's part of Felix's configuration: passed on whole at in-sync and whenever it changes. */
export class Configuration {
  readonly #nodeConfigurationName: string;
  #current: ConfigUpdate = { type: 'config-update', global: undefined, node: undefined, clusterInformation: undefined };
  #isChanged = true;

  constructor(hostname: NodeName) {
    this.#nodeConfigurationName = `node.${hostname}`;
  }

  setFelix(name: string, resource: FelixConfiguration | undefined): void {
    if (name === 'default') this.#change({ ...this.#current, global: resource });
    else if (name === this.#nodeConfigurationName) this.#change({ ...this.#current, node: resource });
  }

  setCluster(name: string, resource: ClusterInformation | undefined): void {
    if (name === 'default') this.#change({ ...this.#current, clusterInformation: resource });
  }

  takeChanges(): readonly ConfigUpdate[] {
    if (!this.#isChanged) return [];
    this.#isChanged = false;
    return [this.#current];
  }

  #change(next: ConfigUpdate): void {
    this.#current = next;
    this.#isChanged = true;
  }
}
