import { Counter, Gauge, type Registry } from 'prom-client';
import type { Family } from '@calico-node/net';
import type { Bfd } from '../bfd/bfd.ts';
import type { Bmp } from '../bmp/bmp.ts';
import type { Speaker } from '../speaker/speaker.ts';

type Neighbor = Speaker['neighbors'][number];
type Kind = 'gauge' | 'counter';

const families: readonly Family[] = [4, 6];

/** Metrics per peer and table, read from the speaker when they are asked for. */
export function registerMetrics(registry: Registry, speaker: Speaker, bfd: Bfd, bmp: Bmp): void {
  registerPeerMetrics(new Metrics(registry), speaker, bfd);
  registerTableMetrics(new Metrics(registry), speaker);
  registerStationMetrics(new Metrics(registry), bmp);
}

function registerPeerMetrics(metrics: Metrics, speaker: Speaker, bfd: Bfd): void {
  const perPeer = (kind: Kind, name: string, help: string, value: (neighbor: Neighbor) => number): void => {
    metrics.add(kind, name, help, ['peer'], () =>
      speaker.neighbors.map((neighbor) => [{ peer: neighbor.config.name }, value(neighbor)]),
    );
  };
  const perFamily = (name: string, help: string, value: (neighbor: Neighbor, family: Family) => number): void => {
    metrics.add('gauge', name, help, ['peer', 'family'], () =>
      speaker.neighbors.flatMap((neighbor) =>
        neighbor.config.families.map(
          (family) => [{ peer: neighbor.config.name, family: `ipv${family}` }, value(neighbor, family)] as const,
        ),
      ),
    );
  };
  perPeer('gauge', 'bgp_session_established', '1 while the session is established', ({ session }) =>
    Number(session !== undefined),
  );
  perPeer('gauge', 'bgp_session_retained', '1 while the routes of a restarting peer are kept', ({ isRetained }) =>
    Number(isRetained),
  );
  perPeer(
    'gauge',
    'bgp_session_state_since_seconds',
    'Unix time at which the state was entered',
    ({ sinceMs }) => sinceMs / 1000,
  );
  perFamily('bgp_prefixes_received', 'paths taken from the peer', (neighbor, family) => neighbor.receivedOf(family));
  perFamily('bgp_prefixes_sent', 'prefixes announced to the peer', (neighbor, family) => neighbor.sentOf(family));
  perPeer('counter', 'bgp_messages_received_total', 'messages from the peer', ({ messages }) => messages.received);
  perPeer('counter', 'bgp_messages_sent_total', 'messages to the peer', ({ messages }) => messages.sent);
  perPeer(
    'counter',
    'bgp_routes_rejected_total',
    'routes that import filters rejected, since the session began',
    ({ statistics }) => statistics.rejected,
  );
  perPeer(
    'counter',
    'bgp_route_loops_total',
    'UPDATEs that were not used because they had been here, since the session began',
    ({ statistics }) => statistics.asLoops + statistics.clusterLoops + statistics.originatorLoops,
  );
  perPeer(
    'counter',
    'bgp_updates_treated_as_withdrawn_total',
    'malformed UPDATEs taken for withdrawals (RFC 7606), since the session began',
    ({ statistics }) => statistics.treatedAsWithdrawn,
  );
  perPeer(
    'gauge',
    'bgp_flaps',
    'short sessions in a row, when dampening is configured',
    ({ dampening }) => dampening.flaps,
  );
  perPeer(
    'gauge',
    'bgp_damped_seconds',
    'for how long the session is kept down yet',
    ({ dampening }) => dampening.leftSeconds,
  );
  perPeer('gauge', 'bgp_bfd_up', '1 while the BFD session is up', ({ config }) =>
    Number(bfd.status(config.name)?.state === 'Up'),
  );
  perPeer(
    'counter',
    'bgp_bfd_failures_total',
    'failed BFD sessions',
    ({ config }) => bfd.status(config.name)?.failures ?? 0,
  );
}

function registerTableMetrics(metrics: Metrics, speaker: Speaker): void {
  metrics.add('gauge', 'bgp_prefixes', 'prefixes in the routing table', ['family'], () =>
    families.map((family) => [{ family: `ipv${family}` }, speaker.prefixesOf(family)]),
  );
  metrics.single('gauge', 'bgp_kernel_routes', 'routes written to the kernel', () => speaker.kernelRoutes);
  metrics.single('gauge', 'bgp_restarting', '1 while the daemon catches up after a restart', () =>
    Number(speaker.isRestarting),
  );
}

function registerStationMetrics(metrics: Metrics, bmp: Bmp): void {
  metrics.single(
    'gauge',
    'bgp_bmp_stations_connected',
    'monitoring stations that are connected',
    () => bmp.stations.filter(({ isConnected }) => isConnected).length,
  );
  metrics.single(
    'counter',
    'bgp_bmp_stations_dropped_total',
    'how often monitoring stations were dropped for being slow',
    () => bmp.stations.reduce((sum, { dropped }) => sum + dropped, 0),
  );
}

/** Adds metrics whose values are looked up when they are asked for. */
class Metrics {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  add(
    kind: Kind,
    name: string,
    help: string,
    labelNames: string[],
    values: () => Iterable<readonly [Record<string, string>, number]>,
  ): void {
    const options = { name, help, labelNames, registers: [this.#registry] };
    const collect = (): void => {
      metric.reset();
      for (const [labels, value] of values()) metric.inc(labels, value);
    };
    const metric = kind === 'gauge' ? new Gauge({ ...options, collect }) : new Counter({ ...options, collect });
  }

  single(kind: Kind, name: string, help: string, value: () => number): void {
    this.add(kind, name, help, [], () => [[{}, value()]]);
  }
}
