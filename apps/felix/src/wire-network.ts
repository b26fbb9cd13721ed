/** The node's network beside its packet filter, as Felix's parameters want it, put together. */
import type { Backend } from '@calico-node/datastore';
import { type Family, type NodeName } from '@calico-node/net';
import { routeProtocol } from '@calico-node/netlink';
import type { Logger } from '@calico-node/service';
import type { FelixParameters } from './config/parameters.ts';
import { interfacePatternsOf, switchesOf } from './config/text-types.ts';
import type { EngineOptions } from './dataplane/engine.ts';
import type { FlowOffload } from './dataplane/flow-offload/flow-offload.ts';
import { HostInterfaces } from './dataplane/interfaces/host-interfaces.ts';
import { LocalReachability } from './dataplane/interfaces/local-reachability.ts';
import { tellArrival } from './dataplane/interfaces/migration-arrival.ts';
import { MigrationRouting, type Moves } from './dataplane/interfaces/migration-routing.ts';
import { ServiceAddresses } from './dataplane/interfaces/service-addresses.ts';
import { WorkloadInterfaces } from './dataplane/interfaces/workload-interfaces.ts';
import { BandwidthLimits } from './dataplane/qos/bandwidth-limits.ts';
import type { Refresh } from './dataplane/refresh.ts';
import { tellRepair } from './dataplane/repairs.ts';
import { ClusterNetwork } from './dataplane/tunnels/cluster-network.ts';
import type { ClusterServices } from './kubernetes/cluster-services.ts';
import type { WireguardParts } from './wire-wireguard.ts';

export interface NetworkWiring {
  readonly hostname: NodeName;
  readonly values: FelixParameters;
  readonly families: readonly Family[];
  readonly wireguard: WireguardParts;
  readonly flowOffload: FlowOffload | undefined;
  readonly services: ClusterServices;
  readonly backend: Backend;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onWorkloadMtu: (mtu: number, isGuess: boolean) => void;
  /** After each listing of all interfaces and routes: how long it took, in seconds. */
  readonly onListed: (seconds: number) => void;
  /** Whether kube-proxy is in its IPVS mode. */
  readonly kubeIpvs: boolean;
  /** Whether it is now; told again where that may have changed. */
  readonly onIpvsInterface: (isThere: boolean) => void;
  readonly onDirty: () => void;
}

export interface NetworkParts extends Disposable {
  readonly interfaces: WorkloadInterfaces;
  readonly hostInterfaces: HostInterfaces;
  /** Beside kube-proxy's IPVS mode alone. */
  readonly serviceAddresses: ServiceAddresses | undefined;
  readonly bandwidth: BandwidthLimits;
  /** The way to other hosts, and from them. */
  readonly network: EngineOptions['network'];
  /** All moves of virtual machines, as they are now. */
  setMoves(moves: Moves): void;
  /** How often that of tunnels and routes was put right. */
  networkRepairs(): number;
  /** What is looked at again, and how often. */
  readonly refreshes: readonly Refresh[];
}

export function wireNetwork(wiring: NetworkWiring): NetworkParts {
  const { hostname, values, families, wireguard, flowOffload, log, onDirty } = wiring;
  using parts = new DisposableStack();
  const prefixes = values.InterfacePrefix;
  const migrationRouting: MigrationRouting = parts.use(
    new MigrationRouting({
      convergenceSeconds: values.LiveMigrationRouteConvergenceTime,
      isElevated: (addresses) => interfaces.isElevated(addresses),
      onRouting: (id) => {
        interfaces.reroute(id);
      },
      onArrival: (id, endpoint) => {
        void tellArrival(endpoint, () => migrationRouting.routing(id) === 'elevated', wiring);
      },
    }),
  );
  const interfaces = parts.use(
    new WorkloadInterfaces({
      prefixes,
      ipv6: values.Ipv6Support,
      routeProtocol: values.DeviceRouteProtocol,
      metric: { 4: values.IPv4NormalRoutePriority, 6: values.IPv6NormalRoutePriority },
      elevatedMetric: { 4: values.IPv4ElevatedRoutePriority, 6: values.IPv6ElevatedRoutePriority },
      routing: (id) => migrationRouting.routing(id),
      source: sourceOf(values.DeviceRouteSourceAddress, values.DeviceRouteSourceAddressIPv6),
      removesExternalRoutes: values.RemoveExternalRoutes,
      withoutRoutes: values.RouteSyncDisabled,
      onListed: wiring.onListed,
      onRepair: (what) => {
        tellRepair(log, what, 'routes or settings of workloads, which were put right');
      },
      onDirty,
    }),
  );
  if (values.IPForwarding === 'Enabled') interfaces.enableForwarding();
  const excluded = interfacePatternsOf(values.InterfaceExclude);
  const hostInterfaces = parts.use(
    new HostInterfaces({ prefixes, excluded, onIpvsInterface: wiring.onIpvsInterface, onDirty }),
  );
  const serviceAddresses = wiring.kubeIpvs ? parts.use(new ServiceAddresses({ onDirty })) : undefined;
  const reachability =
    values.LocalSubnetL2Reachability === 'Disabled'
      ? undefined
      : parts.use(
          new LocalReachability({
            ...{ hostname, prefixes, excluded, onDirty },
            onRepair: (what) => {
              tellRepair(log, what, 'what the host answers for, which was put right');
            },
          }),
        );
  if (reachability !== undefined) {
    wiring.services.followAddresses((addresses) => {
      reachability.setServices(addresses);
    });
  }
  const network = parts.use(
    new ClusterNetwork({
      hostname,
      families,
      routeProtocol: clusterRouteProtocol(values.DeviceRouteProtocol),
      withoutRoutes: values.RouteSyncDisabled,
      mtuInterfaces: values.MTUIfacePattern,
      vxlan: { vni: values.VXLANVNI, port: values.VXLANPort },
      mtus: {
        ipip: values.IpInIpMtu,
        vxlan4: values.VXLANMTU,
        vxlan6: values.VXLANMTUV6,
        wireguard4: values.WireguardMTU,
        wireguard6: values.WireguardMTUV6,
      },
      withoutChecksumOffload: switchesOf(values.FeatureDetectOverride).get('ChecksumOffloadBroken') ?? false,
      wireguard: wireguard.families,
      onWorkloadMtu: wiring.onWorkloadMtu,
      onRepair: (what) => {
        tellRepair(log, what, 'the way to other hosts, which was put right');
      },
      onDirty,
    }),
  );
  const bandwidth = parts.use(
    new BandwidthLimits({
      prefixes,
      endpointOn: (interfaceName) => interfaces.endpointOn(interfaceName),
      onDirty,
      onRepair: (interfaceName) => {
        log.warn({ interface: interfaceName }, 'somebody else changed the bandwidth limits; they are put right');
      },
    }),
  );

  const local = reachability === undefined ? [] : [reachability];
  const services = serviceAddresses === undefined ? [] : [serviceAddresses];
  const offload = flowOffload === undefined ? [] : [flowOffload];
  const refresh = (seconds: number, ...all: readonly { resync(): void }[]): Refresh => ({
    seconds,
    run: () => {
      for (const part of all) part.resync();
      onDirty();
    },
  });
  const opened = parts.move();
  return {
    interfaces,
    hostInterfaces,
    serviceAddresses,
    bandwidth,
    setMoves: (moves) => {
      migrationRouting.setMoves(moves);
      reachability?.setMoves(moves);
    },
    networkRepairs: () => network.repairs + wireguard.repairs + (reachability?.repairs ?? 0),
    network: together(network, wireguard, migrationRouting, ...local, ...offload),
    refreshes: [
      refresh(values.RouteRefreshInterval, interfaces, network, wireguard, ...local, ...offload),
      refresh(values.InterfaceRefreshInterval, interfaces, hostInterfaces, bandwidth, ...services),
      { seconds: values.LocalSubnetL2ReachabilityRefreshInterval, run: () => reachability?.announce() },
    ],
    [Symbol.dispose]: () => {
      opened.dispose();
    },
  };
}

/** Routes that are not over workload interfaces have a protocol of their own, unless the operator chose one for all. */
export function clusterRouteProtocol(deviceRouteProtocol: number): number {
  return deviceRouteProtocol === routeProtocol.boot ? routeProtocol.felix : deviceRouteProtocol;
}

/** Several parts of the way to and from others as one. */
function together(...parts: readonly EngineOptions['network'][]): EngineOptions['network'] {
  return {
    update: (intents) => {
      for (const part of parts) part.update(intents);
    },
    apply: () => parts.flatMap((part) => part.apply()),
    get writes() {
      return parts.reduce((sum, { writes }) => sum + writes, 0);
    },
  };
}

function sourceOf<T>(v4: T | undefined, v6: T | undefined): Partial<Record<Family, T>> {
  return { ...(v4 === undefined ? {} : { 4: v4 }), ...(v6 === undefined ? {} : { 6: v6 }) };
}
