import { API_VERSION, type Profile } from '@calico-node/model';

/**
 * The profile of a network that no orchestrator describes: its members reach each other and everything else,
 * and nothing else reaches them.
 */
export function networkProfile(network: string): Profile {
  return {
    kind: 'Profile',
    apiVersion: API_VERSION,
    metadata: { name: network },
    spec: {
      egress: [{ action: 'Allow', source: {}, destination: {} }],
      ingress: [{ action: 'Allow', source: { selector: `has(${network})` }, destination: {} }],
      labelsToApply: { [network]: '' },
    },
  };
}
