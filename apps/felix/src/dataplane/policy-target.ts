import type { Family } from '@calico-node/net';
import type { IpSetId } from '../calc/ip-set.ts';
import type { Chain, DispatchEntry, DispatchMap, Hook, Layer } from '../rules/model.ts';

/** What should be in one address family's packet filter, as a driver takes it: piece by piece, without I/O. */
export interface PolicyTarget {
  readonly family: Family;
  readonly chains: {
    /** Adds the chain, or gives it other rules. */
    setChain(chain: Chain): void;
    setHook(hook: Hook): void;
    delete(layer: Layer, name: string): void;
  };
  readonly dispatch: {
    /** Adds the map if it is new, and entries to it. */
    set(map: DispatchMap): void;
    deleteEntry(map: Pick<DispatchMap, 'layer' | 'name'>, entry: Pick<DispatchEntry, 'interfaceName'>): void;
  };
  readonly sets: {
    /** Replaces what was said of the set before. Members of the other family are ignored, here and below. */
    replace(id: IpSetId, kind: 'net' | 'ip-port', members: readonly string[]): void;
    /** Of a set that `replace` has announced. */
    change(id: IpSetId, added: readonly string[], removed: readonly string[]): void;
    delete(id: IpSetId): void;
  };
}
