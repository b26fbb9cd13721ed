import { type Cidr, familyOf } from '@calico-node/net';
import { type NetlinkError, type Route, routeProtocol, type RouteSpec, routeTable } from '@calico-node/netlink';

/** Whether the kernel would make no difference between what it has and what we would make. */
export function isSameRoute(route: Route, spec: RouteSpec): boolean {
  return (
    route.interfaceIndex === spec.interfaceIndex &&
    route.protocol === spec.protocol &&
    (route.metric ?? 0) === (spec.metric ?? 0) &&
    route.source === spec.source &&
    route.gateway === undefined &&
    route.type === 'unicast'
  );
}

/** What the kernel holds after it has taken a request. */
export function asKernelRoute(spec: RouteSpec): Route {
  return {
    family: familyOf(spec.destination),
    destination: spec.destination,
    table: routeTable.main,
    protocol: spec.protocol ?? routeProtocol.static,
    scope: spec.scope ?? 'universe',
    type: 'unicast',
    ...(spec.interfaceIndex === undefined ? {} : { interfaceIndex: spec.interfaceIndex }),
    ...(spec.metric === undefined ? {} : { metric: spec.metric }),
    ...(spec.source === undefined ? {} : { source: spec.source }),
  };
}

/** A route, for those who read logs. */
export function routeText(destination: Cidr): string {
  return `route ${destination}`;
}

/** The route is gone already, with its interface or by another hand. */
export function isGone({ code }: NetlinkError): boolean {
  return code === 'ESRCH' || code === 'ENODEV';
}
