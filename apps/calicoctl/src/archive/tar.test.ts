import { describe, expect, it } from 'vitest';
import { padding, tarEnd, tarHeader } from './tar.ts';

const text = (bytes: Uint8Array, from: number, to: number): string =>
  new TextDecoder().decode(bytes.subarray(from, to)).replace(/\0.*$/s, '');

describe('the header of a file', () => {
  const header = tarHeader({ name: 'a/b', size: 1234, modifiedSeconds: 1_700_000_000.9, isDirectory: false });

  it('says name, size, time and kind, with a checksum over all of it', () => {
    expect(header).toHaveLength(512);
    expect(text(header, 0, 100)).toBe('a/b');
    expect(parseInt(text(header, 124, 136), 8)).toBe(1234);
    expect(parseInt(text(header, 136, 148), 8)).toBe(1_700_000_000);
    expect(text(header, 156, 157)).toBe('0');
    expect(text(header, 257, 263)).toBe('ustar');
    const summed = header.map((byte, index) => (index >= 148 && index < 156 ? 32 : byte));
    expect(parseInt(text(header, 148, 156), 8)).toBe(summed.reduce((sum, byte) => sum + byte, 0));
  });

  it('marks directories', () => {
    const directory = tarHeader({ name: 'a', size: 0, modifiedSeconds: 0, isDirectory: true });
    expect(text(directory, 0, 100)).toBe('a/');
    expect(text(directory, 156, 157)).toBe('5');
  });

  it('has a header before it for a long name', () => {
    const name = `${'d'.repeat(120)}/ü`;
    const long = tarHeader({ name, size: 0, modifiedSeconds: 0, isDirectory: false });
    expect(long).toHaveLength(1536);
    expect(text(long, 156, 157)).toBe('x');
    const record = text(long, 512, 1024);
    expect(record).toMatch(new RegExp(`^\\d+ path=${name}\n$`));
    expect(parseInt(record, 10)).toBe(new TextEncoder().encode(record).length);
    expect(parseInt(text(long, 124, 136), 8)).toBe(parseInt(record, 10));
  });
});

it('fills files to whole blocks and ends with two empty ones', () => {
  expect([0, 1, 511, 512, 513].map((size) => (size + padding(size).length) % 512)).toEqual([0, 0, 0, 0, 0]);
  expect(padding(512)).toHaveLength(0);
  expect(tarEnd()).toEqual(new Uint8Array(1024));
});
