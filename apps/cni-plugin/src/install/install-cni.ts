import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { place } from '@calico-node/kubernetes';
import { defaultNetwork } from './default-network.ts';
import { InstallError, renderNetworkConfig, tlsFiles, type TlsFiles } from './network-config.ts';

/** What the configuration's file is called. Under another name it takes the place of the one that is called so. */
const usualName = '10-calico.conflist';

export interface InstallOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the container sees the host's directories: `/host`. */
  readonly hostRoot: string;
  /** Where the programs `calico` and `calico-ipam` are. */
  readonly sourceDir: string;
  /** The token of the CNI service account, for templates that carry it (`__SERVICEACCOUNT_TOKEN__`). */
  readonly token?: string | undefined;
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function installPrograms({ env, hostRoot, sourceDir }: InstallOptions): string[] {
  const skipped = new Set((env['SKIP_CNI_BINARIES'] ?? '').split(',').map((name) => name.trim()));
  const updates = (env['UPDATE_CNI_BINARIES'] ?? 'true') === 'true';
  const directories = ['opt/cni/bin', 'secondary-bin-dir'].map((name) => join(hostRoot, name)).filter(isWritable);
  if (directories.length === 0) throw new InstallError(`neither directory for programs under ${hostRoot} is writable`);
  const changed: string[] = [];
  for (const directory of directories) {
    for (const name of ['calico', 'calico-ipam']) {
      const target = join(directory, name);
      if (skipped.has(name) || (!updates && existsSync(target))) continue;
      if (place(target, readFileSync(join(sourceDir, name)), 0o755)) changed.push(target);
    }
  }
  return changed;
}

/** Copies the TLS files for etcd where the host's plug-ins find them. Gives those that there are, as the host sees them. */
function installTls({ env, hostRoot }: InstallOptions, changed: string[]): TlsFiles {
  const assets = env['TLS_ASSETS_DIR'] ?? '/calico-secrets';
  const present = tlsFiles.filter((name) => existsSync(join(assets, name)));
  if (present.length === 0) return {};
  const target = join(hostRoot, 'etc/cni/net.d/calico-tls');
  mkdirSync(target, { recursive: true, mode: 0o700 });
  for (const name of present) {
    if (place(join(target, name), readFileSync(join(assets, name)), 0o600)) changed.push(join(target, name));
  }
  const seen = `${env['CNI_NET_DIR'] ?? '/etc/cni/net.d'}/calico-tls`;
  return Object.fromEntries(present.map((name) => [name, `${seen}/${name}`]));
}

/**
 * Installs the CNI programs and the network configuration on the host, as Calico's install container does, from
 * its environment variables. What is there already stays untouched; the configuration comes last, since it is
 * what makes a runtime call the programs. Gives the paths that changed.
 *
 * @throws InstallError
 */
export function installCni(options: InstallOptions): readonly string[] {
  const { env, hostRoot } = options;
  const changed = installPrograms(options);
  const tls = installTls(options, changed);
  const file = env['CNI_NETWORK_CONFIG_FILE'] ?? '';
  const given = file === '' ? (env['CNI_NETWORK_CONFIG'] ?? '') : readFileSync(file, 'utf8');
  const template = given === '' ? defaultNetwork : given;
  const facts = { nodeName: hostname().trim().toLowerCase(), tls, token: options.token ?? '' };
  const config = renderNetworkConfig(template, env, facts);
  const directory = join(hostRoot, 'etc/cni/net.d');
  const name = env['CNI_CONF_NAME'] ?? usualName;
  mkdirSync(directory, { recursive: true });
  if (place(join(directory, name), Buffer.from(config), 0o600)) changed.push(join(directory, name));
  const old = env['CNI_OLD_CONF_NAME'] ?? usualName;
  if (old !== '' && old !== name) rmSync(join(directory, old), { force: true });
  return changed;
}
