import { expect, test } from 'vitest';
import { convertHostQos, convertQos } from './qos.ts';

test('takes what limits something, and 0 as no limit', () => {
  expect(convertQos(undefined)).toEqual({});
  expect(convertQos({ ingressPacketBurst: 3, egressBurst: 9, egressPeakrate: 9, egressBandwidth: 0 })).toEqual({});
  expect(
    convertQos({
      ingressPacketRate: 10,
      ingressPacketBurst: 3,
      ingressMaxConnections: 4,
      ingressBandwidth: 1_000_000,
      egressBandwidth: 8000,
      egressBurst: 4000,
      egressPeakrate: 9000,
      egressMinburst: 1600,
      dscp: 'EF',
    }),
  ).toEqual({
    limits: {
      ingress: { packetRate: 10, packetBurst: 3, maxConnections: 4, bandwidth: { rate: 1_000_000 } },
      egress: { bandwidth: { rate: 8000, burst: 4000, peakRate: 9000, peakBurst: 1600 } },
    },
    dscp: 46,
  });
});

test('leaves out a peak rate that is not above the rate', () => {
  const { limits } = convertQos({ ingressBandwidth: 8000, ingressPeakrate: 8000, ingressMinburst: 1600 });
  expect(limits?.ingress).toEqual({ bandwidth: { rate: 8000 } });
});

test('a host endpoint’s code point is an annotation', () => {
  const convert = (text: string) => convertHostQos({ 'qos.projectcalico.org/dscp': text });
  expect(convertHostQos()).toEqual({});
  expect(convert('20')).toEqual({ dscp: 20 });
  expect(convert('ef')).toEqual({ dscp: 46 });
  for (const text of ['', '64', '-1', 'EFF']) expect(convert(text)).toEqual({});
});
