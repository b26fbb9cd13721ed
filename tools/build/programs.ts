import { join } from 'node:path';

/** The repository's root. */
export const root = join(import.meta.dirname, '../..');

/** Where everything that runs is put: `bin/` launchers, `lib/` bundles, the Node.js binary and the addon. */
export const dist = join(root, 'dist');

/** One bundle: an entry point, and the launchers that start it with the given leading arguments. */
export interface Bundle {
  readonly name: string;
  readonly entry: string;
  readonly launchers: Readonly<Record<string, readonly string[]>>;
  /** Whether it lives for one command, so that all depends on how fast it starts. */
  readonly isCommand?: boolean;
}

const app = (name: string, launchers: Bundle['launchers'] = { [name]: [] }): Bundle => ({
  name,
  entry: join(root, 'apps', name, 'src/main.ts'),
  launchers,
});

/** Every program. `calico` and `calico-ipam` are native clients; see apps/cni-plugin/native. */
export const bundles: readonly Bundle[] = [
  app('felix'),
  app('bgp-daemon'),
  app('confd'),
  app('ipam'),
  app('cni-plugin', { 'cni-server': ['server'], 'install-cni': ['install'] }),
  app('libnetwork-plugin'),
  { ...app('calicoctl'), isCommand: true },
  app('calico-node'),
  { name: 'lab', entry: join(root, 'libs/lab/src/main.ts'), launchers: { lab: [] } },
  { name: 'workload', entry: join(root, 'libs/lab/src/workload-program.ts'), launchers: {} },
];
