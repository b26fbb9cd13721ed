import type { BgpBackend } from '@calico-node/bird';

/**
 * How workload routes get to other nodes: by BGP, of our daemon or of BIRD 2, or by something else (VXLAN, or
 * nothing).
 */
export type Backend = BgpBackend | 'vxlan' | 'none';

/** Whether a BGP daemon and confd run. */
export function speaksBgp(backend: Backend): backend is BgpBackend {
  return backend === 'native' || backend === 'bird';
}

/** The values of CALICO_NETWORKING_BACKEND: BGP by BIRD 2, as in Calico, or by our daemon; or no BGP. */
export const networkingValues = ['bird', 'native', 'vxlan', 'none'] as const;
