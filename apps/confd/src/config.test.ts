import { ConfigError } from '@calico-node/service';
import { describe, expect, it } from 'vitest';
import { readConfig, type ConfdConfig } from './config.ts';

type Values = Readonly<Record<string, string>>;

function read(options: Values, env: Values = {}, isOneTime = false): ConfdConfig {
  return readConfig({
    option: (name) => options[name],
    flag: () => isOneTime,
    env: { CALICO_RUN_DIR: '/run/n', ...env },
  });
}

describe('the target', () => {
  it.each<[Values, Values]>([
    [{}, {}],
    [{}, { CALICO_NETWORKING_BACKEND: 'native' }],
    [{ backend: 'native' }, { CALICO_NETWORKING_BACKEND: 'bird' }],
  ])('is the native daemon where nothing asks for BIRD: %j %j', (options, env) => {
    expect(read(options, env).target).toEqual({ backend: 'native', socket: '/run/n/bgp.sock' });
  });

  it("is BIRD's files in Calico's place when asked for", () => {
    expect(read({}, { CALICO_NETWORKING_BACKEND: 'bird' }).target).toEqual({
      backend: 'bird',
      directory: '/etc/calico/confd/config',
      controlDir: '/run/n',
      reloadCommand: undefined,
      confdDir: '/etc/calico/confd',
      keepsStaged: false,
    });
    expect(read({ backend: 'bird', bird: '/d' }).target).toMatchObject({ directory: '/d' });
    expect(read({ backend: 'bird' }, { CALICO_BIRD_CONFIG_DIR: '/e' }).target).toMatchObject({ directory: '/e' });
  });

  it('is a directory once, without asking for the back end', () => {
    expect(read({ bird: '/d' }, { CALICO_NETWORKING_BACKEND: 'none' }, true).target).toMatchObject({
      backend: 'bird',
      directory: '/d',
    });
  });

  it.each<[Values, Values]>([
    [{ backend: 'frr' }, {}],
    [{ bird: '/d' }, {}],
    [{ backend: 'bird' }, { CALICO_NETWORKING_BACKEND: 'vxlan' }],
  ])('is refused where it makes no sense: %j %j', (options, env) => {
    expect(() => read(options, env)).toThrow(ConfigError);
  });
});
