import { join } from 'node:path';

/** Where the processes of one node meet: sockets, state and status files. */
export interface NodePaths {
  /** Run-time files, gone after a reboot. */
  readonly runDir: string;
  /** State that outlives a reboot. */
  readonly libDir: string;
  readonly felixSocket: string;
  readonly bgpSocket: string;
  readonly ipamSocket: string;
  readonly cniSocket: string;
  readonly nodeSocket: string;
  /** One file per programmed workload endpoint (Calico's EndpointStatusPathPrefix layout). */
  readonly endpointStatusDir: string;
  readonly nodenameFile: string;
  readonly mtuFile: string;
  /** The BGP daemon's last accepted configuration. */
  readonly bgpConfigFile: string;
}

/**
 * The paths of the node that the environment names: `CALICO_RUN_DIR` (default `/var/run/calico`) and
 * `CALICO_LIB_DIR` (default `/var/lib/calico`). A second node on the same machine needs its own two.
 */
export function nodePaths(env: Readonly<Record<string, string | undefined>> = process.env): NodePaths {
  const runDir = env['CALICO_RUN_DIR'] ?? '/var/run/calico';
  const libDir = env['CALICO_LIB_DIR'] ?? '/var/lib/calico';
  return {
    runDir,
    libDir,
    felixSocket: join(runDir, 'felix.sock'),
    bgpSocket: join(runDir, 'bgp.sock'),
    ipamSocket: join(runDir, 'ipam.sock'),
    cniSocket: join(runDir, 'cni.sock'),
    nodeSocket: join(runDir, 'node.sock'),
    endpointStatusDir: join(runDir, 'endpoint-status'),
    nodenameFile: env['CALICO_NODENAME_FILE'] ?? join(libDir, 'nodename'),
    mtuFile: join(libDir, 'mtu'),
    bgpConfigFile: join(libDir, 'bgp-config.json'),
  };
}
