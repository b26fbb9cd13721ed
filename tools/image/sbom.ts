/*
 * The image's bill of materials, as CycloneDX 1.6 on standard output: what the lockfile pins of npm's packages (without
 * those for development), Node.js itself, and the Debian packages of a root file system that rootfs.sh made. The same
 * input gives the same bytes: no time and no random serial number. Usage: sbom.ts ROOT ARCHITECTURE
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../build/programs.ts';
import { architectures, type Architecture, parseArchitecture } from './architectures.ts';

interface Component {
  readonly type: 'library' | 'application' | 'operating-system';
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly 'bom-ref': string;
  readonly licenses?: readonly { readonly license: { readonly name: string } }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

function npmComponent(path: string, locked: LockedPackage, version: string): Component {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const sha512 = locked.integrity?.match(/^sha512-(\S+)$/)?.[1];
  return {
    type: 'library',
    name,
    version,
    purl,
    'bom-ref': purl,
    ...(locked.license === undefined ? {} : { licenses: [{ license: { name: locked.license } }] }),
    ...(sha512 === undefined
      ? {}
      : { hashes: [{ alg: 'SHA-512', content: Buffer.from(sha512, 'base64').toString('hex') }] }),
  };
}

/** Packages from the registry that a running node may hold, by the lockfile. */
export function npmComponents(
  lock: { readonly packages: Readonly<Record<string, LockedPackage>> },
  architecture: Architecture,
): Component[] {
  const otherNode = Object.entries(architectures)
    .filter(([name]) => name !== architecture)
    .map(([, { node }]) => `node_modules/node-linux-${node}`);
  const found = Object.entries(lock.packages).flatMap(([path, locked]) => {
    const isShipped = locked.dev !== true && locked.devOptional !== true && locked.link !== true;
    if (!isShipped || locked.version === undefined || !path.includes('node_modules/')) return [];
    return otherNode.includes(path) ? [] : [npmComponent(path, locked, locked.version)];
  });
  const unique = new Map(found.map((component) => [component['bom-ref'], component]));
  return [...unique.values()].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
}

/** A Debian package, from its control file. */
export function debianComponent(control: string, codename: string): Component {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(control)?.[1] ?? '';
  const [name, version, arch] = [field('Package'), field('Version'), field('Architecture')];
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}&distro=${codename}`;
  return { type: 'library', name, version, purl, 'bom-ref': purl };
}

function osComponent(osRelease: string): Component {
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  const [name, version] = [field('ID'), field('VERSION_ID')];
  return { type: 'operating-system', name, version, 'bom-ref': `os:${name}@${version}` };
}

function main(rootfs: string, architecture: Architecture): void {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Parameters<typeof npmComponents>[0];
  const osRelease = readFileSync(join(rootfs, 'etc/os-release'), 'utf8');
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(osRelease)?.[1] ?? '';
  const status = join(rootfs, 'var/lib/dpkg/status.d');
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'container',
        name: manifest.name,
        version: manifest.version,
        'bom-ref': `${manifest.name}@${manifest.version}`,
        licenses: [{ license: { id: manifest.license } }],
      },
    },
    components: [
      osComponent(osRelease),
      ...readdirSync(status)
        .sort()
        .map((name) => debianComponent(readFileSync(join(status, name), 'utf8'), codename)),
      ...npmComponents(lock, architecture),
    ],
  };
  process.stdout.write(`${JSON.stringify(bill, undefined, 1)}\n`);
}

if (import.meta.main) {
  const [rootfs, architecture] = process.argv.slice(2);
  if (rootfs === undefined) throw new Error('usage: sbom.ts ROOT ARCHITECTURE');
  main(rootfs, parseArchitecture(architecture));
}
