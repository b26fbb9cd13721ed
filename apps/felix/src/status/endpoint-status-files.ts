import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeEndpointStatusFile, workloadEndpointStatusFileName } from '@calico-node/model';
import { familyOf } from '@calico-node/net';
import type { WorkloadEndpointIdentity } from '../calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';

/** What of an endpoint its file tells. */
export type EndpointOnFile = Pick<
  LocalWorkloadEndpoint,
  'identity' | 'interfaceName' | 'mac' | 'addresses' | 'bgpPeer'
>;

const fileName = ({ orchestratorId, workloadId, endpointId }: WorkloadEndpointIdentity): string =>
  workloadEndpointStatusFileName({ orchestrator: orchestratorId, workload: workloadId, endpoint: endpointId });

/**
 * One file for each endpoint that is programmed, in Calico's layout (`policy_setup_timeout_seconds` of the CNI plug-in
 * waits for it). A file that is there says that policy and routes are in the kernel, and what the endpoint is.
 */
export class EndpointStatusFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  }

  /** Writes an endpoint's file, unless it is so already. */
  set(endpoint: EndpointOnFile): void {
    const file = join(this.#dir, fileName(endpoint.identity));
    const content = contentOf(endpoint);
    try {
      if (readFileSync(file, 'utf8') === content) return;
    } catch {
      // not there
    }
    writeFileSync(`${file}.new`, content, { mode: 0o644 });
    renameSync(`${file}.new`, file);
  }

  delete(identity: WorkloadEndpointIdentity): void {
    rmSync(join(this.#dir, fileName(identity)), { force: true });
  }

  /** Removes what an earlier run left of endpoints that are gone. */
  keepOnly(identities: Iterable<WorkloadEndpointIdentity>): void {
    const kept = new Set(Array.from(identities, fileName));
    for (const name of readdirSync(this.#dir)) if (!kept.has(name)) rmSync(join(this.#dir, name), { force: true });
  }
}

function contentOf({ interfaceName, mac, addresses, bgpPeer }: EndpointOnFile): string {
  return encodeEndpointStatusFile({
    ifaceName: interfaceName,
    ...(mac === undefined ? {} : { mac }),
    ipv4Nets: addresses.filter((cidr) => familyOf(cidr) === 4),
    ipv6Nets: addresses.filter((cidr) => familyOf(cidr) === 6),
    ...(bgpPeer === undefined ? {} : { bgpPeerName: bgpPeer }),
  });
}
