import { describe, expect, test } from 'vitest';
import { parseQuantity } from './quantity.ts';
import { qosOf } from './qos.ts';
import { describePod } from './pod.ts';
import { wishesOf } from './wishes.ts';

const features = { ipAddrsNoIpam: false, floatingIps: false };
const own = { isOwnIpam: true, features };

describe('quantities', () => {
  test.each([
    ['10', 10],
    ['10M', 10_000_000],
    ['1.5Gi', 1_610_612_736],
    ['1e6', 1_000_000],
    ['100m', 1],
    ['2k', 2000],
  ])('%s is %d', (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });

  test.each(['', 'x', '1Q', 'M', '1 000', '--1'])('%j is none', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });
});

describe('limits to traffic', () => {
  const limits = (annotations: Record<string, string>) => {
    const complaints: string[] = [];
    const controls = qosOf(annotations, (problem) => complaints.push(problem));
    return { controls, complaints };
  };

  test('of Calico go before those of Kubernetes', () => {
    const { controls } = limits({
      'kubernetes.io/ingress-bandwidth': '1M',
      'kubernetes.io/egress-bandwidth': '2M',
      'qos.projectcalico.org/ingressBandwidth': '3M',
    });
    expect(controls).toMatchObject({ ingressBandwidth: 3_000_000, egressBandwidth: 2_000_000 });
  });

  test('out of range are clamped, and those that are no numbers left out, with a complaint each', () => {
    const { controls, complaints } = limits({
      'qos.projectcalico.org/egressPacketRate': '1M',
      'qos.projectcalico.org/ingressMaxConnections': 'many',
      'qos.projectcalico.org/dscp': 'AF99',
    });
    expect(controls).toEqual({ egressPacketRate: 10_000, egressPacketBurst: 5 });
    expect(complaints).toHaveLength(3);
  });

  test('are absent where nothing asks for them', () => {
    expect(limits({}).controls).toBeUndefined();
    expect(limits({ 'qos.projectcalico.org/dscp': 'ef' }).controls).toEqual({ dscp: 'EF' });
    expect(limits({ 'qos.projectcalico.org/dscp': '63' }).controls).toEqual({ dscp: 63 });
  });
});

describe('wishes', () => {
  test('about pools stand on the namespace or the pod, whose own goes before', () => {
    const pools = (text: string) => ({ 'cni.projectcalico.org/ipv4pools': text });
    expect(wishesOf(pools('["a"]'), {}, own).ipv4Pools).toEqual(['a']);
    expect(wishesOf(pools('["a"]'), pools('["b"]'), own).ipv4Pools).toEqual(['b']);
    expect(wishesOf(pools('["a"]'), {}, { ...own, isOwnIpam: false })).toEqual({});
  });

  test('that exclude one another, or need another IPAM, are refused', () => {
    const both = {
      'cni.projectcalico.org/ipAddrs': '["10.0.0.1"]',
      'cni.projectcalico.org/ipAddrsNoIpam': '["10.0.0.2"]',
    };
    const allowed = { isOwnIpam: true, features: { ...features, ipAddrsNoIpam: true } };
    expect(() => wishesOf({}, both, allowed)).toThrow('exclude one another');
    expect(() => wishesOf({}, both, { ...allowed, isOwnIpam: false })).toThrow('calico-ipam');
  });
});

test('a pod without a service account has the profile of its namespace alone', () => {
  const description = describePod({}, { spec: {} }, { ...own, namespace: 'shop', complain: () => undefined });
  expect(description).toEqual({
    source: 'orchestrator',
    labels: {},
    annotations: {},
    profiles: ['kns.shop'],
    wishes: {},
  });
});
