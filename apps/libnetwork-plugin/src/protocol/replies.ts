import { hostCidr, type Family, type IpAddress } from '@calico-node/net';
import { ipv4Gateway } from '@calico-node/workload';

/** What a driver answers: an object, as JSON. */
export type Reply = Readonly<Record<string, unknown>>;

export const emptyReply: Reply = {};

/** libnetwork's route type for one that leads straight out of the interface. */
const connected = 1;

/** The gateway that tells Docker, and the network driver, that there is none: by family. */
export const noGateway: Readonly<Record<Family, string>> = { 4: '0.0.0.0/0', 6: '::/0' };

/**
 * How Docker is to finish an interface: which one to move, what to call it inside, and the link-local gateway with the
 * route that leads to it.
 */
export function joinReply(join: {
  readonly temporaryName: string;
  readonly prefix: string;
  readonly hasIpv4: boolean;
  /** Undefined when the endpoint has no IPv6 address. */
  readonly ipv6Gateway: IpAddress | undefined;
}): Reply {
  const { temporaryName, prefix, hasIpv4, ipv6Gateway } = join;
  const gateways = [...(hasIpv4 ? [ipv4Gateway] : []), ...(ipv6Gateway === undefined ? [] : [ipv6Gateway])];
  return {
    InterfaceName: { SrcName: temporaryName, DstPrefix: prefix },
    ...(hasIpv4 ? { Gateway: ipv4Gateway } : {}),
    ...(ipv6Gateway === undefined ? {} : { GatewayIPv6: ipv6Gateway }),
    StaticRoutes: gateways.map((gateway) => ({ Destination: hostCidr(gateway), RouteType: connected })),
  };
}
