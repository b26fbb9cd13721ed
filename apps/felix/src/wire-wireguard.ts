/** WireGuard as Felix's parameters want it, put together: its networks, its keys in the store, health and metrics. */
import type { Resources } from '@calico-node/datastore';
import type { Family, NodeName } from '@calico-node/net';
import type { ServiceContext } from '@calico-node/service';
import type { Intent } from './calc/intents.ts';
import type { FelixParameters } from './config/parameters.ts';
import { lowestTable } from './config/text-types.ts';
import { tellRepair } from './dataplane/repairs.ts';
import { removeWireguard } from './dataplane/wireguard/remove-wireguard.ts';
import type { WireguardNetwork } from './dataplane/wireguard/wireguard-network.ts';
import type { RuleOptions } from './rules/options.ts';
import { WireguardKeys } from './status/wireguard-keys.ts';

export interface WireguardWiring {
  readonly hostname: NodeName;
  readonly values: FelixParameters;
  /** Those that this host's kernel has, whether they are used or not. */
  readonly kernelFamilies: readonly Family[];
  readonly rules: Pick<RuleOptions, 'marks' | 'wireguard'>;
  /** RTPROT_* of our routes. */
  readonly routeProtocol: number;
  readonly resources: Resources;
  readonly context: Pick<ServiceContext, 'log' | 'health' | 'metrics'>;
  readonly signal: AbortSignal;
  readonly onDirty: () => void;
}

/** What the engine does with it, as with the rest of the way to other hosts. */
export interface WireguardParts extends Disposable {
  /** Those families whose packets may be encrypted. */
  readonly families: readonly Family[];
  readonly writes: number;
  /** How often something was put right that somebody else had changed. */
  readonly repairs: number;
  update(intents: readonly Intent[]): void;
  resync(): void;
  apply(): string[];
}

/** Starts nothing before the first `apply`. The code that drives devices is loaded only where there are to be some. */
export async function wireWireguard(wiring: WireguardWiring): Promise<WireguardParts> {
  const { hostname, context, resources, signal } = wiring;
  const keys = new WireguardKeys({ resources, hostname, log: context.log, signal });
  const networks = await openNetworks(wiring, keys);
  const absent = wiring.kernelFamilies.filter((family) => !networks.has(family));
  const health = networks.size === 0 ? undefined : context.health.register('wireguard');
  const metrics = await openMetrics(wiring, [...networks.values()]);
  let isRemoved = false;
  let removals = 0;
  let told: string | undefined;

  const reportUnsupported = (): void => {
    const [reason] = [...networks.values()].flatMap(({ unsupported }) => unsupported ?? []);
    // As in Calico, the node goes on, and what other nodes send to it is not encrypted.
    health?.report({ ready: true, ...(reason === undefined ? {} : { reason: `nothing is encrypted: ${reason}` }) });
    if (reason !== undefined && reason !== told)
      context.log.warn({ reason }, 'WireGuard is asked for and not to be had');
    told = reason;
  };

  return {
    families: [...networks.keys()],
    get writes() {
      return [...networks.values()].reduce((sum, network) => sum + network.writes, removals);
    },
    get repairs() {
      return [...networks.values()].reduce((sum, network) => sum + network.repairs, 0);
    },
    update: (intents) => {
      for (const network of networks.values()) network.update(intents);
      for (const intent of intents) {
        if (intent.type !== 'host-update' || intent.hostname !== hostname) continue;
        for (const family of absent) {
          const end = family === 4 ? intent.wireguard4 : intent.wireguard6;
          if (end?.publicKey !== undefined) keys.want(family, undefined);
        }
      }
    },
    resync: () => {
      for (const network of networks.values()) network.resync();
    },
    apply: () => {
      if (!isRemoved) {
        for (const family of absent) removals += removeWireguard(deviceOf(wiring, family));
        isRemoved = true;
      }
      const problems = [...networks.values()].flatMap((network) => network.apply());
      reportUnsupported();
      return problems;
    },
    [Symbol.dispose]: () => {
      metrics?.[Symbol.dispose]();
      for (const network of networks.values()) network[Symbol.dispose]();
    },
  };
}

async function openNetworks(
  wiring: WireguardWiring,
  keys: WireguardKeys,
): Promise<ReadonlyMap<Family, WireguardNetwork>> {
  const { hostname, values, rules, onDirty, context } = wiring;
  const { wireguard: mark } = rules.marks;
  const families = ([4, 6] as const).filter((family) => rules.wireguard[family] !== undefined);
  if (families.length === 0 || mark === undefined) return new Map();
  const { WireguardNetwork } = await import('./dataplane/wireguard/wireguard-network.ts');
  return new Map(
    families.map((family) => [
      family,
      new WireguardNetwork({
        ...deviceOf(wiring, family),
        hostname,
        port: family === 4 ? values.WireguardListeningPort : values.WireguardListeningPortV6,
        mark,
        rulePriority: values.WireguardRoutingRulePriority,
        mtu: family === 4 ? values.WireguardMTU : values.WireguardMTUV6,
        mtuInterfaces: values.MTUIfacePattern,
        keepaliveSeconds: values.WireguardPersistentKeepAlive,
        encryptsHosts: values.WireguardHostEncryptionEnabled,
        threading: values.WireguardThreadingEnabled,
        withoutRoutes: values.RouteSyncDisabled,
        onPublicKey: (key) => {
          keys.want(family, key);
        },
        onRepair: (what) => {
          tellRepair(context.log, what, 'WireGuard, which was put right');
        },
        onDirty,
      }),
    ]),
  );
}

async function openMetrics(
  { hostname, values, context }: WireguardWiring,
  networks: readonly WireguardNetwork[],
): Promise<Disposable | undefined> {
  if (networks.length === 0 || !values.PrometheusWireGuardMetricsEnabled) return undefined;
  const { wireguardMetrics } = await import('./dataplane/wireguard/wireguard-metrics.ts');
  return wireguardMetrics(context.metrics.registry, hostname, () =>
    networks.flatMap((network) => network.readDevice() ?? []),
  );
}

function deviceOf({ values, routeProtocol }: WireguardWiring, family: Family) {
  return {
    family,
    interfaceName: family === 4 ? values.WireguardInterfaceName : values.WireguardInterfaceNameV6,
    table: firstTableOf(values),
    routeProtocol,
  };
}

/** The lowest of the routing tables that Felix may use (RouteTableRanges, or the older RouteTableRange): 1 by default. */
function firstTableOf({ RouteTableRanges, RouteTableRange }: FelixParameters): number {
  const ranges = RouteTableRanges || RouteTableRange;
  return (ranges === '' ? undefined : lowestTable(ranges)) ?? 1;
}
