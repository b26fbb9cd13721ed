import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CniError } from './cni-error.ts';
import { decodeDocument, parseNetworkConfig, type NetworkConfig } from './network-config.ts';

const minimal = { cniVersion: '1.0.0', name: 'net', type: 'calico', ipam: { type: 'calico-ipam' } };

function parse(extra: object = {}): NetworkConfig {
  return parseNetworkConfig(decodeDocument(JSON.stringify({ ...minimal, ...extra })));
}

function errorOf(work: () => unknown): CniError {
  try {
    work();
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('a network configuration', () => {
  test('has the defaults of Calico', () => {
    expect(parse()).toMatchObject({
      cniVersion: '1.0.0',
      mtu: 0,
      nodenameFileOptional: false,
      datastoreEnvironment: {},
      ipam: { type: 'calico-ipam', assignIpv4: true, assignIpv6: false, ipv4Pools: [], ipv6Pools: [] },
      allowIpForwarding: false,
      policySetupTimeoutSeconds: 0,
      labels: {},
      prevResult: undefined,
      validAttachments: undefined,
    });
  });

  test('is of version 0.2.0 when it names none', () => {
    expect(parse({ cniVersion: undefined }).cniVersion).toBe('0.2.0');
  });

  test('takes the words "true" and "false" of older configurations', () => {
    const { ipam } = parse({ ipam: { type: 'calico-ipam', assign_ipv4: 'false', assign_ipv6: 'true' } });
    expect(ipam).toMatchObject({ assignIpv4: false, assignIpv6: true });
  });

  test('gives the datastore as environment variables', () => {
    const { datastoreEnvironment } = parse({
      datastore_type: 'etcdv3',
      etcd_endpoints: 'https://e:2379',
      etcd_ca_cert_file: '/ca.pem',
      kubernetes: { kubeconfig: '/k' },
    });
    expect(datastoreEnvironment).toEqual({
      DATASTORE_TYPE: 'etcdv3',
      ETCD_ENDPOINTS: 'https://e:2379',
      ETCD_CA_CERT_FILE: '/ca.pem',
      KUBECONFIG: '/k',
    });
    expect(parse({ etcd_authority: 'e:2379' }).datastoreEnvironment).toEqual({ ETCD_ENDPOINTS: 'http://e:2379' });
  });

  test('carries labels in three forms, of which the plainest wins', () => {
    const { labels } = parse({
      args: {
        'org.apache.mesos': {
          network_info: {
            labels: {
              labels: [
                { key: 'a', value: 'mesos' },
                { key: 'm', value: '1' },
              ],
            },
          },
        },
        cni: {
          labels: [
            { key: 'a', value: 'cni' },
            { key: 'c', value: '2' },
          ],
        },
        labels: { a: 'plain' },
      },
    });
    expect(labels).toEqual({ a: 'plain', m: '1', c: '2' });
  });

  test('has Mesos’ labels, which are of any characters, as Calico writes them', () => {
    const labels = [
      { key: 'org/team ⚙', value: 'a  b' },
      { key: '-rack-.-7.', value: '//x..y--z//' },
    ];
    expect(parse({ args: { 'org.apache.mesos': { network_info: { labels: { labels } } } } }).labels).toEqual({
      'org.team': 'a-b',
      'rack.7': 'x.y--z',
    });
  });

  test.each([
    [undefined, 1],
    [0, 1],
    [-1, 1],
    [4, 4],
  ])('with num_queues %s has %i', (num_queues, queues) => {
    expect(parse({ num_queues }).queues).toBe(queues);
  });

  test('names everything that is wrong with it', () => {
    const error = errorOf(() => parse({ name: 'no/slash', mtu: -1, ipam: { type: 'calico-ipam', ipv4_pools: [4] } }));
    expect(error.code).toBe(7);
    for (const path of ['name:', 'mtu:', 'ipam.ipv4_pools:']) expect(error.message).toContain(path);
  });

  test.each([
    [{ policy: { type: 'mesos' } }, 'policy.type=mesos'],
    [{ device_type: 'tap' }, 'device_type=tap'],
    [{ dataplane_options: { type: 'vpp' } }, 'dataplane_options.type=vpp'],
  ])('with %o is refused with the field and its value', (extra, text) => {
    const error = errorOf(() => parse(extra));
    expect(error.code).toBe(2);
    expect(error.message).toContain(text);
  });

  test('names another data plane, its socket and the options that are strings', () => {
    const options = { type: 'grpc', socket: 'unix:///run/vpp.sock', queue: 'two', count: 2 };
    expect(parse({ dataplane_options: options }).dataplane).toEqual({
      socket: 'unix:///run/vpp.sock',
      options: { type: 'grpc', socket: 'unix:///run/vpp.sock', queue: 'two' },
    });
    expect(parse({ dataplane_options: { type: 'linux', socket: 'x' } }).dataplane).toBeUndefined();
    const error = errorOf(() => parse({ dataplane_options: { type: 'grpc' } }));
    expect(error).toMatchObject({ code: 7, message: expect.stringContaining('dataplane_options.socket') as string });
  });

  test('with netkit devices is accepted: a veth pair takes their place', () => {
    const { document: _, ...netkit } = parse({ device_type: 'netkit' });
    expect(parse({ device_type: 'veth' })).toMatchObject(netkit);
  });

  test('with a readiness gate that is no URL is refused', () => {
    expect(errorOf(() => parse({ readiness_gates: ['localhost'] })).message).toContain("'localhost'");
  });

  test('lists the attachments that GC keeps, under either key', () => {
    const list = [{ containerID: 'c', ifname: 'eth0' }];
    const expected = [{ containerId: 'c', ifName: 'eth0' }];
    expect(parse({ 'cni.dev/valid-attachments': list }).validAttachments).toEqual(expected);
    expect(parse({ 'cni.dev/attachments': list }).validAttachments).toEqual(expected);
  });

  test('of any shape is either read or refused, never worse', () => {
    const known = [
      'name',
      'mtu',
      'ipam',
      'args',
      'policy',
      'prevResult',
      'kubernetes',
      'readiness_gates',
      'cniVersion',
    ];
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...known), fc.jsonValue()), (extra) => {
        try {
          parse(extra);
        } catch (error) {
          expect(error).toBeInstanceOf(CniError);
        }
      }),
    );
  });
});
