import { execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bird, end, type Host } from './rig.ts';

/** What the other speaker is told of us and of its own routes. */
export interface OtherConfig {
  readonly asn: number;
  readonly peer: string;
  readonly peerAs: number;
  /** Its own session address; its host's IPv4 address unless given. */
  readonly address?: string;
  readonly password?: string;
  /** Announced with its own address as the next hop, and with these large communities. */
  readonly prefixes: readonly string[];
  readonly largeCommunity?: string;
  /** It takes several paths to a prefix, or tells us of all that it has (RFC 7911). */
  readonly addPath?: 'receive' | 'send';
  /** Speakers of other ASes that it hears as well, and passes on to us. */
  readonly feeders?: readonly { readonly address: string; readonly asn: number }[];
  /** Routes of IPv4 over a session of IPv6 (RFC 8950). */
  readonly ipv4OverIpv6?: boolean;
}

/** A BGP speaker of another project on a host. */
export interface OtherSpeaker {
  /** What it knows of a prefix, in its own words; '' if nothing. */
  show(prefix: string): string;
  kill(): Promise<void>;
  /** Starts again, as after a crash. */
  restart(): void;
}

export interface OtherKind {
  readonly name: string;
  readonly program: string;
  readonly debianPackage: string;
  /** It shows next hops' link-local addresses; undefined: it takes none, since it knows no interfaces. */
  readonly showsLinkLocal: boolean | undefined;
  start(host: Host, config: OtherConfig): OtherSpeaker;
}

function quietly(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return ''; // not up yet, or no such route
  }
}

/** Of the routes that a session carries. */
const carried = ({ peer, ipv4OverIpv6 = false }: OtherConfig): 'ipv4' | 'ipv6' =>
  ipv4OverIpv6 ? 'ipv4' : familyOf(peer);

const familyOf = (prefix: string): 'ipv4' | 'ipv6' => (prefix.includes(':') ? 'ipv6' : 'ipv4');

class Bird2 implements OtherSpeaker {
  readonly #bird: Bird;

  constructor(host: Host, config: OtherConfig) {
    const { asn, peer, peerAs, password, prefixes, largeCommunity, addPath, address = host.address } = config;
    const { feeders = [] } = config;
    const family = carried(config);
    const routes = prefixes.map((prefix) => `route ${prefix} via ${address};`).join(' ');
    const large = largeCommunity?.replaceAll(':', ', ');
    this.#bird = new Bird(
      host,
      `router id ${host.address};
log stderr all;
protocol device { scan time 1; }
protocol direct { ${family}; }
protocol kernel { persist; scan time 1; ${family} { import none; export where source = RTS_BGP; }; }
protocol static { ${family}; ${routes} }
protocol bgp ours {
  local ${address} as ${asn};
  neighbor ${peer} as ${peerAs};
  graceful restart on;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ${password === undefined ? '' : `password "${password}";`}
  ${family} {
    import all;
    export filter {
      if source != RTS_STATIC && source != RTS_BGP then reject;
      ${large === undefined ? '' : `bgp_large_community.add((${large}));`}
      accept;
    };
    next hop self;
    ${addPath === undefined ? '' : `add paths ${addPath === 'send' ? 'tx' : 'rx'};`}
    ${config.ipv4OverIpv6 === true ? 'extended next hop;' : ''}
  };
}
${feeders
  .map(
    (feeder, index) => `protocol bgp feeder${index} {
  local ${address} as ${asn};
  neighbor ${feeder.address} as ${feeder.asn};
  ${family} { import all; export none; };
}
`,
  )
  .join('')}`,
    );
  }

  /** Communities as the others write them. */
  show(prefix: string): string {
    const text = this.#bird.birdc('show', 'route', prefix, 'all');
    return text.includes('not found') ? '' : text.replaceAll(/\((\d+), ?(\d+)\)/g, '$1:$2');
  }

  async kill(): Promise<void> {
    await this.#bird.kill();
  }

  restart(): void {
    this.#bird.restart();
  }
}

class Gobgp implements OtherSpeaker {
  readonly #host: Host;
  readonly #config: OtherConfig;
  #process: ChildProcess;
  #isTold = false;
  #isSilent = false;

  constructor(host: Host, config: OtherConfig) {
    this.#host = host;
    this.#config = config;
    const { asn, peer, peerAs, password = '', addPath, feeders = [] } = config;
    const family = carried(config);
    writeFileSync(
      join(host.directory, 'gobgp.toml'),
      `[global.config]
as = ${asn}
router-id = "${host.address}"
[[neighbors]]
[neighbors.config]
neighbor-address = "${peer}"
peer-as = ${peerAs}
auth-password = "${password}"
[neighbors.timers.config]
connect-retry = 5
idle-hold-time-after-reset = 5
[neighbors.graceful-restart.config]
enabled = true
restart-time = 60
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "${family}-unicast"
[neighbors.afi-safis.mp-graceful-restart.config]
enabled = true
${addPath === undefined ? '' : '[neighbors.afi-safis.add-paths.config]\nreceive = true\nsend-max = 8'}
${feeders
  .map(
    (feeder) => `[[neighbors]]\n[neighbors.config]\nneighbor-address = "${feeder.address}"\npeer-as = ${feeder.asn}\n`,
  )
  .join('')}`,
    );
    this.#process = this.#start([]);
  }

  show(prefix: string): string {
    this.#tell();
    return this.#gobgp('global', 'rib', prefix, '-a', familyOf(prefix));
  }

  async kill(): Promise<void> {
    await end(this.#process, 'SIGKILL');
  }

  /** It would end its restart (RFC 4724 4.1) before it has its routes again: nobody hears it until then. */
  restart(): void {
    this.#isTold = false;
    const drop = ['dport', 'sport'].map((end) => `add rule inet silence input tcp ${end} 179 drop`).join('; ');
    const chain = 'add chain inet silence input { type filter hook input priority 0; }';
    this.#nft(`add table inet silence; ${chain}; ${drop}`);
    this.#isSilent = true;
    this.#process = this.#start(['-r']);
  }

  /** Its routes live only in its memory: they are given once it answers. */
  #tell(): void {
    if (this.#isTold || !this.#gobgp('neighbor').includes('Peer')) return;
    const { prefixes, largeCommunity, address = this.#host.address } = this.#config;
    for (const prefix of prefixes) {
      const large = largeCommunity === undefined ? [] : ['large-community', largeCommunity];
      this.#gobgp('global', 'rib', 'add', prefix, 'nexthop', address, ...large, '-a', familyOf(prefix));
    }
    this.#isTold = true;
    if (this.#isSilent) this.#nft('delete table inet silence');
    this.#isSilent = false;
  }

  #nft(commands: string): void {
    execFileSync('nsenter', [`--net=/run/netns/${this.#host.name}`, 'nft', commands]);
  }

  #gobgp(...args: readonly string[]): string {
    return quietly('nsenter', [`--net=/run/netns/${this.#host.name}`, 'gobgp', ...args]);
  }

  #start(options: readonly string[]): ChildProcess {
    const file = join(this.#host.directory, 'gobgp.toml');
    const args = ['-f', file, '--api-hosts', '127.0.0.1:50051', '--pprof-disable', ...options];
    return this.#host.spawn('gobgpd', args, 'gobgp.log');
  }
}

class Frr implements OtherSpeaker {
  readonly #host: Host;
  #process: ChildProcess;

  constructor(host: Host, config: OtherConfig) {
    this.#host = host;
    const { asn, peer, peerAs, password, prefixes, largeCommunity, address = host.address } = config;
    const { feeders = [], addPath } = config;
    const family = carried(config);
    mkdirSync(join(host.directory, 'vty'), { recursive: true });
    const lines = [
      'hostname other',
      `router bgp ${asn}`,
      ` bgp router-id ${host.address}`,
      ' no bgp ebgp-requires-policy',
      ' no bgp network import-check',
      ' no bgp default ipv4-unicast',
      ' bgp graceful-restart',
      ' bgp graceful-restart preserve-fw-state',
      ' bgp graceful-restart restart-time 60',
      ' coalesce-time 1',
      ` neighbor ${peer} remote-as ${peerAs}`,
      ` neighbor ${peer} update-source ${address}`,
      ` neighbor ${peer} timers connect 1`,
      ` neighbor ${peer} advertisement-interval 0`,
      ` neighbor ${peer} disable-connected-check`,
      ...(config.ipv4OverIpv6 === true ? [` neighbor ${peer} capability extended-nexthop`] : []),
      ...(password === undefined ? [] : [` neighbor ${peer} password ${password}`]),
      ...feeders.map((feeder) => ` neighbor ${feeder.address} remote-as ${feeder.asn}`),
      ` address-family ${family} unicast`,
      ...feeders.map((feeder) => `  neighbor ${feeder.address} activate`),
      ...(addPath === 'send' ? [`  neighbor ${peer} addpath-tx-all-paths`] : []),
      `  neighbor ${peer} activate`,
      `  neighbor ${peer} next-hop-self`,
      ...(largeCommunity === undefined ? [] : [`  neighbor ${peer} route-map mark out`]),
      ...prefixes.map((prefix) => `  network ${prefix}`),
      ' exit-address-family',
      ...(largeCommunity === undefined ? [] : ['route-map mark permit 1', ` set large-community ${largeCommunity}`]),
    ];
    writeFileSync(join(host.directory, 'bgpd.conf'), `${lines.join('\n')}\n`);
    this.#process = this.#start();
  }

  show(prefix: string): string {
    const command = `show bgp ${familyOf(prefix)} unicast ${prefix}`;
    const text = quietly('vtysh', ['--vty_socket', join(this.#host.directory, 'vty'), '-d', 'bgpd', '-c', command]);
    return text.includes('not in table') ? '' : text;
  }

  async kill(): Promise<void> {
    await end(this.#process, 'SIGKILL');
  }

  restart(): void {
    this.#process = this.#start();
  }

  #start(): ChildProcess {
    const { directory } = this.#host;
    const paths = ['-f', join(directory, 'bgpd.conf'), '-i', join(directory, 'bgpd.pid')];
    const args = [...paths, '--vty_socket', join(directory, 'vty'), '-Z', '-S', '-P', '0'];
    return this.#host.spawn('/usr/lib/frr/bgpd', args, 'frr.log');
  }
}

export const otherKinds: readonly OtherKind[] = [
  {
    name: 'BIRD',
    program: '/usr/sbin/bird',
    debianPackage: 'bird2',
    showsLinkLocal: true,
    start: (host, config) => new Bird2(host, config),
  },
  {
    name: 'GoBGP',
    program: '/usr/bin/gobgpd',
    debianPackage: 'gobgpd',
    showsLinkLocal: false,
    start: (host, config) => new Gobgp(host, config),
  },
  {
    name: 'FRR',
    program: '/usr/lib/frr/bgpd',
    debianPackage: 'frr',
    showsLinkLocal: undefined,
    start: (host, config) => new Frr(host, config),
  },
];

/** Why a speaker cannot be tested with; undefined when it can. */
export function whyMissing({ name, program, debianPackage }: OtherKind): string | undefined {
  return existsSync(program) ? undefined : `${name} is not installed (Debian package ${debianPackage})`;
}
