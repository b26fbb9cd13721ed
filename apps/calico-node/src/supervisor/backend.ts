/**
 * How workload routes get to other nodes: by BGP, of our daemon or of BIRD 2, or by something else (VXLAN, or
 * nothing).
 */
export type Backend = 'native' | 'bird' | 'vxlan' | 'none';

/** Whether a BGP daemon and confd run. */
export function speaksBgp(backend: Backend): backend is 'native' | 'bird' {
  return backend === 'native' || backend === 'bird';
}

/** The values of CALICO_NETWORKING_BACKEND. `bird`, Calico's default, asks for BGP, whichever daemon speaks it. */
export const networkingValues = ['bird', 'native', 'vxlan', 'none'] as const;

/** The values of CALICO_BGP_BACKEND: our daemon, or BIRD 2. */
export const bgpValues = ['native', 'bird'] as const;
