import { bgpV1 } from '@calico-node/rpc';
import type { BmpStationConfig } from './daemon-config.ts';
import { BgpConfigError, ip } from './fields.ts';

const defaultMaxBufferBytes = 16 << 20;
const defaultStatisticsSeconds = 60;
const maxStatisticsSeconds = 86_400;

export function bmpStation(wire: bgpV1.BmpStation, path: string): BmpStationConfig {
  const { port, maxBufferBytes, statisticsSeconds } = wire;
  if (port < 1 || port > 65535) throw new BgpConfigError(`${path}.port`, 'must be from 1 to 65535');
  if (statisticsSeconds > maxStatisticsSeconds)
    throw new BgpConfigError(`${path}.statistics_seconds`, `must be at most ${maxStatisticsSeconds}`);
  return {
    address: ip(wire.address, `${path}.address`),
    port,
    maxBufferBytes: maxBufferBytes === 0 ? defaultMaxBufferBytes : maxBufferBytes,
    statisticsSeconds: statisticsSeconds === 0 ? defaultStatisticsSeconds : statisticsSeconds,
    views: {
      prePolicy: wire.view !== bgpV1.BmpView.POST_POLICY,
      postPolicy: wire.view === bgpV1.BmpView.POST_POLICY || wire.view === bgpV1.BmpView.BOTH,
      adjRibOut: wire.adjRibOut,
      locRib: wire.locRib,
    },
  };
}
