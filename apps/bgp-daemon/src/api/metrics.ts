import { Gauge, type Registry } from 'prom-client';
import type { Bfd } from '../bfd/bfd.ts';
import type { Bmp } from '../bmp/bmp.ts';
import type { Speaker } from '../speaker/speaker.ts';

/** Metrics per peer and table, read from the speaker when they are asked for. */
export function registerMetrics(registry: Registry, speaker: Speaker, bfd: Bfd, bmp: Bmp): void {
  const perPeer = (name: string, help: string, value: (neighbor: Speaker['neighbors'][number]) => number): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ['peer'],
      registers: [registry],
      collect: () => {
        gauge.reset();
        for (const neighbor of speaker.neighbors) gauge.set({ peer: neighbor.config.name }, value(neighbor));
      },
    });
  };
  perPeer('bgp_session_established', '1 while the session is established', ({ session }) =>
    Number(session !== undefined),
  );
  perPeer('bgp_session_retained', '1 while the routes of a restarting peer are kept', ({ isRetained }) =>
    Number(isRetained),
  );
  perPeer(
    'bgp_session_state_since_seconds',
    'Unix time at which the state was entered',
    ({ sinceMs }) => sinceMs / 1000,
  );
  perPeer('bgp_prefixes_received', 'paths taken from the peer', ({ prefixesReceived }) => prefixesReceived);
  perPeer('bgp_prefixes_sent', 'prefixes announced to the peer', ({ prefixesSent }) => prefixesSent);
  perPeer('bgp_messages_received_total', 'messages from the peer', ({ messages }) => messages.received);
  perPeer('bgp_messages_sent_total', 'messages to the peer', ({ messages }) => messages.sent);
  perPeer('bgp_flaps', 'short sessions in a row, when dampening is configured', ({ dampening }) => dampening.flaps);
  perPeer('bgp_damped_seconds', 'for how long the session is kept down yet', ({ dampening }) => dampening.leftSeconds);
  perPeer('bgp_bfd_up', '1 while the BFD session is up', ({ config }) =>
    Number(bfd.status(config.name)?.state === 'Up'),
  );
  perPeer('bgp_bfd_failures_total', 'failed BFD sessions', ({ config }) => bfd.status(config.name)?.failures ?? 0);
  const single = (name: string, help: string, value: () => number): void => {
    const gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => {
        gauge.set(value());
      },
    });
  };
  single('bgp_prefixes', 'prefixes in the routing tables', () => speaker.prefixes);
  single('bgp_kernel_routes', 'routes written to the kernel', () => speaker.kernelRoutes);
  single(
    'bgp_bmp_stations_connected',
    'monitoring stations that are connected',
    () => bmp.stations.filter(({ isConnected }) => isConnected).length,
  );
  single('bgp_bmp_stations_dropped_total', 'how often monitoring stations were dropped for being slow', () =>
    bmp.stations.reduce((sum, { dropped }) => sum + dropped, 0),
  );
  single('bgp_restarting', '1 while the daemon catches up after a restart', () => Number(speaker.isRestarting));
}
