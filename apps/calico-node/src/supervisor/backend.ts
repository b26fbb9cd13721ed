/** How workload routes get to other nodes: by our BGP daemon, or by something else (VXLAN, or nothing). */
export type Backend = 'native' | 'vxlan' | 'none';

/** The values of CALICO_NETWORKING_BACKEND. `bird`, Calico's default, asks for BGP: our daemon does it. */
export const backendValues = ['bird', 'native', 'vxlan', 'none'] as const;

/** The back end that a value of CALICO_NETWORKING_BACKEND asks for; undefined when it is none of ours. */
export function parseBackend(value: string | undefined): Backend | undefined {
  switch (value ?? '') {
    case '':
    case 'bird':
    case 'native':
      return 'native';
    case 'vxlan':
      return 'vxlan';
    case 'none':
      return 'none';
    default:
      return undefined;
  }
}
