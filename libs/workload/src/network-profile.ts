import { API_VERSION, type Profile } from '@calico-node/model';

/**
 * The profile of a network that no orchestrator describes: its members reach each other and everything else, and nothing
 * else reaches them. Those that are reached from `anywhere` are pods of a Kubernetes whose policies nobody enforces.
 */
export function networkProfile(network: string, from: 'itself' | 'anywhere' = 'itself'): Profile {
  return {
    kind: 'Profile',
    apiVersion: API_VERSION,
    metadata: { name: network },
    spec: {
      egress: [{ action: 'Allow', source: {}, destination: {} }],
      ingress: [{ action: 'Allow', source: from === 'itself' ? { selector: `has(${network})` } : {}, destination: {} }],
      labelsToApply: { [network]: '' },
    },
  };
}
