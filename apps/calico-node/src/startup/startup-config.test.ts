import { ConfigError } from '@calico-node/service';
import { describe, expect, test } from 'vitest';
import { readStartupConfig } from './startup-config.ts';

function problemsOf(env: Record<string, string>): string {
  try {
    readStartupConfig(env);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
}

describe('the start-up environment', () => {
  test('has the defaults of calico/node', () => {
    expect(readStartupConfig({})).toMatchObject({
      backend: 'native',
      ipv4: { kind: 'unset' },
      ipv6: { kind: 'unset' },
      ipv4Method: { kind: 'first-found' },
      checkConflicts: true,
      asNumber: undefined,
      waitForDatastore: false,
      pools: [
        {
          family: 4,
          cidr: undefined,
          blockSize: 26,
          ipipMode: 'Never',
          vxlanMode: 'Never',
          natOutgoing: true,
          nodeSelector: 'all()',
          disableBgpExport: false,
        },
        { family: 6, cidr: undefined, blockSize: 122, natOutgoing: false },
      ],
    });
  });

  test('treats an empty variable as absent', () => {
    expect(readStartupConfig({ IP: '', AS: '', CALICO_IPV4POOL_CIDR: '' })).toEqual(readStartupConfig({}));
  });

  test.each([
    [{}, 'native'],
    [{ CALICO_NETWORKING_BACKEND: 'bird' }, 'bird'],
    [{ CALICO_NETWORKING_BACKEND: 'native' }, 'native'],
    [{ CALICO_NETWORKING_BACKEND: 'bird', CALICO_BGP_BACKEND: 'native' }, 'native'],
    [{ CALICO_BGP_BACKEND: 'bird' }, 'bird'],
    [{ CALICO_NETWORKING_BACKEND: 'vxlan' }, 'vxlan'],
    [{ CALICO_NETWORKING_BACKEND: 'none', CALICO_BGP_BACKEND: 'bird' }, 'none'],
    [{ CALICO_NETWORKING: 'false' }, 'none'],
  ])('%j asks for the back end %s', (env, expected) => {
    expect(readStartupConfig(env).backend).toBe(expected);
  });

  test('describes the default pools', () => {
    const { pools } = readStartupConfig({
      CALICO_IPV4POOL_CIDR: '10.244.0.0/16',
      CALICO_IPV4POOL_BLOCK_SIZE: '24',
      CALICO_IPV4POOL_IPIP: 'cross-subnet',
      CALICO_IPV4POOL_NAT_OUTGOING: 'no',
      CALICO_IPV4POOL_NODE_SELECTOR: 'zone == "west"',
      CALICO_IPV4POOL_DISABLE_BGP_EXPORT: '1',
      CALICO_IPV6POOL_CIDR: 'none',
    });
    expect(pools).toEqual([
      {
        family: 4,
        cidr: '10.244.0.0/16',
        isDisabled: false,
        blockSize: 24,
        ipipMode: 'CrossSubnet',
        vxlanMode: 'Never',
        natOutgoing: false,
        nodeSelector: 'zone == "west"',
        disableBgpExport: true,
      },
    ]);
  });

  test('makes no pools with NO_DEFAULT_POOLS', () => {
    expect(readStartupConfig({ NO_DEFAULT_POOLS: 'true' }).pools).toEqual([]);
  });

  test('names every mistake at once', () => {
    const message = problemsOf({ IP: 'x', AS: 'y', CALICO_IPV4POOL_BLOCK_SIZE: 'z' });
    expect(message.match(/must be/g)).toHaveLength(3);
  });

  test('refuses BIRD where our own daemon is asked for', () => {
    expect(problemsOf({ CALICO_NETWORKING_BACKEND: 'native', CALICO_BGP_BACKEND: 'bird' })).toContain(
      "CALICO_BGP_BACKEND='bird': must be native",
    );
  });

  test.each([
    ['CALICO_IPV4POOL_CIRD', 'unknown variable; there are CALICO_IPV4POOL_CIDR'],
    ['CALICO_IPV6POOL_IPIP', 'unknown variable; there are CALICO_IPV6POOL_CIDR'],
    ['CALICO_TYPHADDR', 'did you mean CALICO_TYPHAADDR?'],
    ['CALICO_NETWORKING_BACKED', 'did you mean CALICO_NETWORKING_BACKEND?'],
    ['IP_AUTODETECTION_METHDO', 'did you mean IP_AUTODETECTION_METHOD?'],
    ['WAIT_FOR_DATASTOREE', 'did you mean WAIT_FOR_DATASTORE?'],
  ])('refuses %s', (name, words) => {
    expect(problemsOf({ [name]: 'x' })).toContain(words);
  });

  test('leaves variables of others alone', () => {
    expect(problemsOf({ PATH: '/bin', IPX: 'y', CALICO_RUN_DIR: '/run/x', FELIX_X: 'y', LS_COLORS: 'z' })).toBe('');
    expect(problemsOf({ CALICO_TYPHA_SERVICE_HOST: '10.96.0.7', CALICO_TYPHA_PORT: 'tcp://10.96.0.7:5473' })).toBe('');
  });

  test('refuses two encapsulations for one pool', () => {
    expect(problemsOf({ CALICO_IPV4POOL_IPIP: 'Always', CALICO_IPV4POOL_VXLAN: 'Always' })).toContain('VXLAN');
  });

  test('refuses a pool smaller than its blocks', () => {
    expect(problemsOf({ CALICO_IPV4POOL_CIDR: '10.0.0.0/28' })).toContain('CALICO_IPV4POOL_BLOCK_SIZE');
  });

  test('refuses NO_DEFAULT_POOLS together with a pool', () => {
    expect(problemsOf({ NO_DEFAULT_POOLS: 'true', CALICO_IPV4POOL_CIDR: '10.0.0.0/16' })).toContain('NO_DEFAULT_POOLS');
  });
});
