import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../build/programs.ts';
import { parseArchitecture } from './architectures.ts';
import { hasIntegrity } from './native-parts.ts';

test('only the bytes that the lockfile names are taken', () => {
  // SHA-512 of "abc" (FIPS 180-2, appendix C).
  const hex =
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
    '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f';
  const integrity = `sha512-${Buffer.from(hex, 'hex').toString('base64')}`;
  expect(hasIntegrity(Buffer.from('abc'), integrity)).toBe(true);
  expect(hasIntegrity(Buffer.from('abd'), integrity)).toBe(false);
  expect(hasIntegrity(Buffer.from('abc'), integrity.replace('sha512', 'sha1'))).toBe(false);
});

test('an architecture without an image is refused', () => {
  expect(() => parseArchitecture('riscv64')).toThrow("architecture 'riscv64': must be amd64 or arm64");
});

test('what the image is built on is named by its digest', () => {
  const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
  expect(dockerfile).toMatch(/^ARG DEBIAN_IMAGE=debian:[\w.-]+@sha256:[0-9a-f]{64}$/m);
  expect(dockerfile.match(/^FROM \S*(?:--platform=\S+ )?\$\{DEBIAN_IMAGE\}/gm)).toHaveLength(1);
});
