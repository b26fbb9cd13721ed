import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { dist, root } from '../../build/programs.ts';
import type { BenchNetwork } from './network.ts';

export const asn = 64512;

/** A daemon to be measured: a route reflector with every peer as its client, accepting everything. */
export interface BenchDaemon {
  readonly name: string;
  /** The program, and the Debian package that has it. */
  readonly program: string;
  readonly debianPackage?: string;
  version(): string;
  /** @param writesKernel whether its routes go into the kernel of its namespace. */
  start(network: BenchNetwork, writesKernel?: boolean): void;
  /** Writes the kernel without help from another daemon. */
  readonly hasFib?: boolean;
}

function peersOf(network: BenchNetwork, text: (address: string, index: number) => string): string {
  return network.peerAddresses.map(text).join('\n');
}

function firstLine(program: string, ...args: string[]): string {
  const run = execFileSync('sh', ['-c', `"$0" "$@" 2>&1 || true`, program, ...args], { encoding: 'utf8' });
  return run.split('\n')[0] ?? '';
}

/** What the image sets for V8 and malloc. */
function imageSettings(): Readonly<Record<string, string>> {
  const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
  const settings = /^ENV PATH=\S+ (.*NODE_OPTIONS.*)$/m.exec(dockerfile)?.[1] ?? '';
  return Object.fromEntries(
    settings.split(' ').map((setting): [string, string] => {
      const [name = '', value = ''] = setting.split(/=(.*)/);
      return [name, value];
    }),
  );
}

/**
 * The daemon as it is shipped, with the image's settings: `bundleAll(['bgp-daemon'])` makes its program.
 *
 * @param profileDirectory where Node.js leaves a processor profile; undefined: none is made.
 */
export function ourDaemon(profileDirectory: string | undefined): BenchDaemon {
  const main = join(dist, 'lib/bgp-daemon.mjs');
  return {
    name: 'ours',
    program: process.execPath,
    version: () => `bgp-daemon on Node.js ${process.version}`,
    hasFib: true,
    start: (network, program = false) => {
      const file = join(network.directory, 'ours.json');
      const neighbors = network.peerAddresses.map((address) => ({
        name: address,
        address,
        remoteAs: asn,
        passive: true,
        routeReflectorClient: true,
        exportFilters: ['all'],
      }));
      const filters = [{ name: 'all', rules: [{ family: 4, action: 'ACCEPT' }] }];
      const { daemonAddress: routerId } = network;
      writeFileSync(
        file,
        JSON.stringify({ nodeName: 'dut', routerId, localAs: asn, neighbors, filters, kernel: { program } }),
      );
      const profile = profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
      const command = [process.execPath, ...profile, main, '--config', file, '--health-address', 'off'];
      network.start(command, {
        ...imageSettings(),
        CALICO_RUN_DIR: network.directory,
        CALICO_LIB_DIR: network.directory,
      });
    },
  };
}

const kernel = 'protocol kernel { ipv4 { import none; export all; }; }\n';

export const bird: BenchDaemon = {
  name: 'bird2',
  program: '/usr/sbin/bird',
  debianPackage: 'bird2',
  version: () => firstLine('/usr/sbin/bird', '--version'),
  hasFib: true,
  start: (network, writesKernel = false) => {
    const { daemonAddress: me } = network;
    const peers = peersOf(
      network,
      (address, index) => `protocol bgp p${index} {
  local ${me} as ${asn}; neighbor ${address} as ${asn}; passive on; direct; rr client; rr cluster id ${me};
  ipv4 { import all; export all; };
}`,
    );
    const file = join(network.directory, 'bird.conf');
    writeFileSync(
      file,
      `router id ${me};\nlog stderr all;\nprotocol device {}\n${writesKernel ? kernel : ''}${peers}\n`,
    );
    network.start(['/usr/sbin/bird', '-f', '-c', file, '-s', join(network.directory, 'bird.ctl')], {});
  },
};

export const gobgp: BenchDaemon = {
  name: 'gobgp',
  program: '/usr/bin/gobgpd',
  debianPackage: 'gobgpd',
  version: () => firstLine('/usr/bin/gobgpd', '--version'),
  start: (network) => {
    const { daemonAddress: me } = network;
    const peers = peersOf(
      network,
      (address) => `[[neighbors]]
[neighbors.config]
neighbor-address = "${address}"
peer-as = ${asn}
[neighbors.transport.config]
passive-mode = true
[neighbors.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "${me}"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"`,
    );
    const file = join(network.directory, 'gobgp.toml');
    writeFileSync(
      file,
      `[global.config]\nas = ${asn}\nrouter-id = "${me}"\nlocal-address-list = ["${me}"]\n${peers}\n`,
    );
    network.start(['/usr/bin/gobgpd', '-f', file, '--log-level=warn', '--api-hosts=127.0.0.1:50051'], {});
  },
};

export const frr: BenchDaemon = {
  name: 'frr',
  program: '/usr/lib/frr/bgpd',
  debianPackage: 'frr',
  version: () => firstLine('/usr/lib/frr/bgpd', '--version'),
  start: (network) => {
    const { daemonAddress: me, directory } = network;
    const peers = peersOf(network, (address) => ` neighbor ${address} remote-as ${asn}\n neighbor ${address} passive`);
    const clients = peersOf(network, (address) => `  neighbor ${address} route-reflector-client`);
    const file = join(directory, 'bgpd.conf');
    const config = `hostname dut
router bgp ${asn}
 bgp router-id ${me}
 bgp cluster-id ${me}
${peers}
 address-family ipv4 unicast
${clients}
 exit-address-family
`;
    writeFileSync(file, config);
    mkdirSync(join(directory, 'vty'));
    const paths = ['-f', file, '-i', join(directory, 'bgpd.pid'), '--vty_socket', join(directory, 'vty')];
    network.start(['/usr/lib/frr/bgpd', '-Z', '-S', '-p', '179', '-l', me, '-P', '0', ...paths], {});
  },
};

/** How to get a daemon that is not installed; undefined when it is. */
export function howToInstall({ name, program, debianPackage }: BenchDaemon): string | undefined {
  if (existsSync(program)) return undefined;
  return `${name}: ${program} is not here; on Debian: apt-get install ${debianPackage ?? name}`;
}
