import { bgpV1 } from '@calico-node/rpc';
import type { BmpStationConfig } from './daemon-config.ts';
import { BgpConfigError, ip } from './fields.ts';

const defaultMaxBufferBytes = 16 << 20;

export function bmpStation(wire: bgpV1.BmpStation, path: string): BmpStationConfig {
  const { port, maxBufferBytes } = wire;
  if (port < 1 || port > 65535) throw new BgpConfigError(`${path}.port`, 'must be from 1 to 65535');
  return {
    address: ip(wire.address, `${path}.address`),
    port,
    maxBufferBytes: maxBufferBytes === 0 ? defaultMaxBufferBytes : maxBufferBytes,
    views: {
      prePolicy: wire.view !== bgpV1.BmpView.POST_POLICY,
      postPolicy: wire.view === bgpV1.BmpView.POST_POLICY || wire.view === bgpV1.BmpView.BOTH,
      adjRibOut: wire.adjRibOut,
      locRib: wire.locRib,
    },
  };
}
