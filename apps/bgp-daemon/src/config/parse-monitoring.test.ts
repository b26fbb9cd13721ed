import { bgpV1 } from '@calico-node/rpc';
import { describe, expect, it } from 'vitest';
import { configFromJson, configToJson } from './config-json.ts';
import { parseConfig } from './parse-config.ts';

const parse = (rest: Partial<bgpV1.BgpConfig>, bfd?: Partial<bgpV1.Bfd>): ReturnType<typeof parseConfig> => {
  const neighbor = { name: 'a', address: '10.0.0.2', remoteAs: 64512, ...(bfd === undefined ? {} : { bfd }) };
  const wire = bgpV1.BgpConfig.fromPartial({ routerId: '10.0.0.1', localAs: 64512, neighbors: [neighbor], ...rest });
  // Through the file as well: an empty `bfd` has to stay there.
  return parseConfig(configFromJson(configToJson(wire)));
};

describe('the configuration of BFD, BMP and MRT', () => {
  it('is off unless it is there, and fills in what may be left out', () => {
    expect(parse({})).toMatchObject({ bmpStations: [], mrtLog: undefined, neighbors: [{ bfd: undefined }] });
    const bmpStations = [bgpV1.BmpStation.fromPartial({ address: '10.0.0.9', port: 11019 })];
    const mrtLog = bgpV1.MrtLog.fromPartial({ file: '/var/log/updates.mrt' });
    expect(parse({ bmpStations, mrtLog }, {})).toMatchObject({
      bmpStations: [{ address: '10.0.0.9', port: 11019, maxBufferBytes: 16 << 20, statisticsSeconds: 60 }],
      mrtLog: { file: '/var/log/updates.mrt', maxBytes: 64 << 20, keep: 4 },
      neighbors: [{ bfd: { minRxMs: 300, minTxMs: 300, multiplier: 3, multihop: false } }],
    });
  });

  it.each([
    ['neighbors[0].bfd.min_rx_millis', () => parse({}, { minRxMillis: 10 })],
    ['neighbors[0].bfd.min_tx_millis', () => parse({}, { minTxMillis: 60_001 })],
    ['neighbors[0].bfd.multiplier', () => parse({}, { multiplier: 256 })],
    ['bmp_stations[0].port', () => parse({ bmpStations: [bgpV1.BmpStation.fromPartial({ address: '10.0.0.9' })] })],
    ['bmp_stations[0].address', () => parse({ bmpStations: [bgpV1.BmpStation.fromPartial({ port: 1 })] })],
    [
      'bmp_stations[0].statistics_seconds',
      () =>
        parse({
          bmpStations: [bgpV1.BmpStation.fromPartial({ address: '10.0.0.9', port: 1, statisticsSeconds: 86_401 })],
        }),
    ],
    ['mrt_log.file', () => parse({ mrtLog: bgpV1.MrtLog.fromPartial({ file: 'updates.mrt' }) })],
    ['mrt_log.keep', () => parse({ mrtLog: bgpV1.MrtLog.fromPartial({ file: '/updates.mrt', keep: 1001 }) })],
  ])('is refused for its %s', (path, attempt) => {
    expect(attempt).toThrow(path);
  });
});
