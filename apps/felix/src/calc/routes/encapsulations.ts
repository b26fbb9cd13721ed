import { familyOf } from '@calico-node/net';
import type { EncapsulationUpdate, PoolUpdate } from '../intents.ts';

/** Whether IPv4 has the tunnels of a kind (IpInIpEnabled, VXLANEnabled); undefined: as the pools ask. */
export interface FixedEncapsulations {
  readonly ipip?: boolean | undefined;
  readonly vxlan?: boolean | undefined;
}

/** Which kinds of tunnel the pools ask for. */
export class Encapsulations {
  readonly #byPool = new Map<string, keyof Omit<EncapsulationUpdate, 'type'>>();
  readonly #fixed: FixedEncapsulations;
  #told: EncapsulationUpdate | undefined;

  constructor(fixed: FixedEncapsulations = {}) {
    this.#fixed = fixed;
  }

  set(name: string, pool: PoolUpdate | undefined): void {
    const kind = pool && encapsulationOf(pool);
    if (kind === undefined) this.#byPool.delete(name);
    else this.#byPool.set(name, kind);
  }

  /** What changed since the last call; at first, what there is. */
  takeChanges(): readonly EncapsulationUpdate[] {
    const used = new Set(this.#byPool.values());
    const ipip = this.#fixed.ipip ?? used.has('ipip');
    const vxlan4 = this.#fixed.vxlan ?? used.has('vxlan4');
    const vxlan6 = used.has('vxlan6');
    const told = this.#told;
    if (told?.ipip === ipip && told.vxlan4 === vxlan4 && told.vxlan6 === vxlan6) return [];
    this.#told = { type: 'encapsulation-update', ipip, vxlan4, vxlan6 };
    return [this.#told];
  }
}

/** What a pool's packets travel in; `undefined`: in nothing. */
export function encapsulationOf({ cidr, ipipMode, vxlanMode }: PoolUpdate): 'ipip' | 'vxlan4' | 'vxlan6' | undefined {
  if (vxlanMode !== 'Never') return familyOf(cidr) === 4 ? 'vxlan4' : 'vxlan6';
  return ipipMode !== 'Never' && familyOf(cidr) === 4 ? 'ipip' : undefined;
}
