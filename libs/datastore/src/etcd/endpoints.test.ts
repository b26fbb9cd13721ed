import { describe, expect, it } from 'vitest';
import { parseEndpoint } from './endpoints.ts';

describe('parseEndpoint', () => {
  it.each([
    ['http://10.0.0.1:2379', '10.0.0.1:2379', false],
    ['https://etcd.example.org:2379/', 'etcd.example.org:2379', true],
    ['https://etcd:443', 'etcd:443', true],
    ['http://[fd00::1]:2379', '[fd00::1]:2379', false],
    [' http://etcd ', 'etcd:2379', false],
  ])('reads %s', (text, address, secure) => {
    expect(parseEndpoint(text)).toEqual({ address, secure });
  });

  it.each(['', 'etcd:2379', 'unix:///run/etcd.sock', 'http://', 'http://a:99999'])('refuses %j', (text) => {
    expect(() => parseEndpoint(text)).toThrow(/ETCD_ENDPOINTS/);
  });
});
