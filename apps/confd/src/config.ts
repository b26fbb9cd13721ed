import { hostname } from 'node:os';
import { familyOf, tryParseIp } from '@calico-node/net';
import { ConfigError, nodePaths, type ServiceContext } from '@calico-node/service';
import type { RenderOptions } from './derive/resources.ts';

export interface ConfdConfig {
  readonly render: RenderOptions;
  /** Where the BGP daemon listens. */
  readonly socket: string;
  /** Print the configuration once, hand over nothing. */
  readonly isOneTime: boolean;
}

/** Reads flags and environment. Throws ConfigError. */
export function readConfig({ option, flag, env }: Pick<ServiceContext, 'option' | 'flag' | 'env'>): ConfdConfig {
  const nodeName = option('node-name') ?? hostname().trim().toLowerCase();
  const routerId = env['CALICO_ROUTER_ID'];
  if (routerId !== undefined && routerId !== '' && routerId !== 'hash') {
    const ip = tryParseIp(routerId);
    if (ip === undefined || familyOf(ip) !== 4) {
      throw new ConfigError(`CALICO_ROUTER_ID is "${routerId}": give an IPv4 address, or "hash"`);
    }
  }
  const clusterIps = env['CALICO_ADVERTISE_CLUSTER_IPS'];
  return {
    render: {
      nodeName,
      routerId,
      advertiseClusterIps: clusterIps === undefined || clusterIps === '' ? undefined : clusterIps.split(','),
    },
    socket: option('socket') ?? nodePaths(env).bgpSocket,
    isOneTime: flag('onetime'),
  };
}
