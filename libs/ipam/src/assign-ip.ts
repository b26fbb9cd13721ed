import type { AllocationBlock, IpamConfig } from '@calico-node/model';
import { cidrOf, type IpAddress } from '@calico-node/net';
import { claimForHost } from './affinity.ts';
import { assignInBlock, checkAffinity, type Owner } from './block.ts';
import type { Clock } from './clock.ts';
import { isIpamError } from './errors.ts';
import { decrementHandle, incrementHandle } from './handles.ts';
import type { Pool } from './pools.ts';
import { isRace, retrying, RetryNeeded } from './retry.ts';
import { affinityText, type Host, type IpamStore, type Stored } from './store.ts';

export interface SpecificRequest {
  readonly store: IpamStore;
  readonly config: IpamConfig;
  readonly clock: Clock;
  readonly host: Host;
  readonly pool: Pool;
  readonly ip: IpAddress;
  readonly owner: Owner;
}

/**
 * Gives one chosen address, reserved or not; its block is claimed for the host when nobody has it.
 * @throws IpamError `already-assigned`; `strict-affinity` when the block is another host's and that forbids it.
 */
export async function assignSpecific(request: SpecificRequest): Promise<void> {
  const { store, config, host, ip, pool, owner } = request;
  const cidr = cidrOf(ip, pool.blockSize);
  await retrying(`assign ${ip}`, async () => {
    const stored = (await store.block(cidr, config)) ?? (await claim(request));
    if (config.strict_affinity === true) checkAffinity(stored.value, affinityText(host));
    const block = assignInBlock(stored.value, ip, owner);
    if (owner.handleId !== undefined) await incrementHandle(store, owner.handleId, cidr, 1);
    try {
      await store.updateBlock(block, stored.revision);
    } catch (error) {
      if (owner.handleId !== undefined && isRace(error)) await decrementHandle(store, owner.handleId, cidr, 1);
      throw error;
    }
  });
}

async function claim({ store, config, clock, host, pool, ip }: SpecificRequest): Promise<Stored<AllocationBlock>> {
  const cidr = cidrOf(ip, pool.blockSize);
  try {
    return await claimForHost(store, host, cidr, config, clock);
  } catch (error) {
    if (isIpamError(error, 'block-claimed')) throw new RetryNeeded(error.message, { cause: error });
    throw error;
  }
}
