import { describe, expect, test } from 'vitest';
import { CniError } from './cni-error.ts';
import { parseEnvironment } from './environment.ts';

const add = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/x', CNI_IFNAME: 'eth0' };

describe('the environment of a call', () => {
  test('is read whole', () => {
    const env = { ...add, CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=a=b', CNI_PATH: '/a:/b' };
    expect(parseEnvironment(env)).toEqual({
      command: 'ADD',
      attachment: {
        containerId: 'c1',
        netns: '/run/netns/x',
        ifName: 'eth0',
        args: new Map([
          ['IgnoreUnknown', '1'],
          ['K8S_POD_NAME', 'a=b'],
        ]),
      },
      pluginPath: ['/a', '/b'],
    });
  });

  test('of DEL needs no namespace', () => {
    expect(parseEnvironment({ ...add, CNI_COMMAND: 'DEL', CNI_NETNS: '' })).toMatchObject({ command: 'DEL' });
  });

  test('with several variables missing names them all', () => {
    expect(() => parseEnvironment({ CNI_COMMAND: 'ADD' })).toThrow('CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME');
  });

  test.each([
    [{ ...add, CNI_CONTAINERID: '../x' }],
    [{ ...add, CNI_CONTAINERID: '-x' }],
    [{ ...add, CNI_NETNS: 'relative' }],
    [{ ...add, CNI_IFNAME: 'a/b' }],
    [{ ...add, CNI_IFNAME: 'a:b' }],
    [{ ...add, CNI_IFNAME: '..' }],
    [{ ...add, CNI_IFNAME: 'has space' }],
    [{ ...add, CNI_ARGS: 'novalue' }],
    [{ ...add, CNI_COMMAND: 'add' }],
    [{}],
  ])('%o is refused with code 4', (env) => {
    let failure: unknown;
    try {
      parseEnvironment(env);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(CniError);
    expect(failure).toHaveProperty('code', 4);
  });
});
