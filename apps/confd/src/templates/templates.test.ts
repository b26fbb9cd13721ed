import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { block, configuration, filter, node, peer, pool, store, threeNodes } from '../derive/fixtures.ts';
import { parseAsn } from '@calico-node/net';
import type { BgpResources } from '../derive/resources.ts';
import type { FileSet } from '../files/file-set.ts';
import { renderFiles } from '../render-files.ts';
import { NameLookups } from './name-lookups.ts';
import { readTomlTable } from './toml.ts';

let confdDir: string;
let lookups: NameLookups;
let news: number;
const directory = '/etc/calico/confd/config';

beforeEach(() => {
  confdDir = mkdtempSync(join(tmpdir(), 'calico-confdir-'));
  for (const name of ['conf.d', 'templates']) mkdirSync(join(confdDir, name));
  news = 0;
  lookups = new NameLookups(() => news++);
});

afterEach(() => {
  lookups.close();
  rmSync(confdDir, { recursive: true, force: true });
});

function put(name: string, template: string, lines: readonly string[] = []): void {
  const text = ['[template]', `src = "${name}.template"`, `dest = "${directory}/${name}"`, ...lines, ''];
  writeFileSync(join(confdDir, 'conf.d', `${name}.toml`), text.join('\n'));
  writeFileSync(join(confdDir, 'templates', `${name}.template`), template);
}

const resources = store({
  nodes: [...threeNodes, node('rr', { ipv4Address: '10.0.0.9/24', routeReflectorClusterID: '244.0.0.1' })],
  configurations: [
    configuration({ asNumber: parseAsn(64600), listenPort: 1179, serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] }),
  ],
  pools: [pool('a', { cidr: '10.65.0.0/16', ipipMode: 'CrossSubnet' })],
  blocks: [block('10.65.0.0/26')],
  peers: [peer('tor', { peerIP: '192.0.2.1:1790', asNumber: parseAsn(65001), filters: ['f'] })],
  filters: [filter('f', { importV4: [{ action: 'Reject' }] })],
});

function render(from: BgpResources = resources): readonly FileSet[] {
  const target = {
    backend: 'bird',
    directory,
    controlDir: '/run',
    reloadCommand: undefined,
    keepsStaged: false,
    confdDir,
  } as const;
  return renderFiles(from, { nodeName: 'n2', secretOf: () => 'open sesame' }, target, lookups).config;
}

const textOf = (name: string, from = resources): string | undefined =>
  render(from)
    .flatMap(({ files }) => files)
    .find((file) => file.name === name)?.text;

describe('a template of an operator', () => {
  it("takes the place of BIRD's file of that name, and leaves the others", () => {
    const before = textOf('bird_aggr.cfg');
    put('bird.cfg', 'mine', ['check_cmd = "check {{.src}}"', 'reload_cmd = "reload"', 'mode = "0600"', 'gid = 12']);
    const [bird, bird6] = render();
    expect(bird?.files.at(-1)).toEqual({
      name: 'bird.cfg',
      text: 'mine',
      mode: 0o600,
      owner: { uid: -1, gid: 12 },
      checkCommand: 'check {{.src}}',
    });
    expect(bird?.reloadCommands).toEqual(['reload']);
    expect(textOf('bird_aggr.cfg')).toBe(before);
    expect(bird6?.reloadCommands).toBeUndefined();
  });

  it('of any other name stands for itself', () => {
    put('motd', 'node {{getenv "NODENAME"}}');
    expect(render()[2]).toMatchObject({ main: 'motd', directory, isDaemons: false, files: [{ text: 'node n2' }] });
  });

  it("sees the store in Calico's keys, those that it asks for", () => {
    put(
      'view',
      [
        '{{getv "/bgp/v1/global/as_num"}} {{(json (getv "/bgp/v1/global/node_mesh")).enabled}}',
        '{{range $host := lsdir "/bgp/v1/host"}}{{$host}}={{getv (printf "/bgp/v1/host/%s/ip_addr_v4" $host)}} {{end}}',
        '{{getv "/bgp/v1/host/n2/network_v4"}} {{getv "/bgp/v1/host/rr/rr_cluster_id"}}',
        '{{range gets "/bgp/v1/global/peer_v4/*"}}{{base .Key}} {{$p := json .Value}}{{$p.as_num}} {{$p.port}} {{index $p.filters 0}}{{end}}',
        '{{range ls "/v1/ipam/v4/pool"}}{{.}} {{$d := json (getv (printf "/v1/ipam/v4/pool/%s" .))}}{{$d.ipip_mode}}{{end}}',
        '{{range ls "/staticroutes"}}{{join (split . "-") "/"}}{{end}} {{exists "/none"}} {{getv "/none" "else"}}',
        '{{range bgpFilterBIRDFuncs (gets "/resources/v3/projectcalico.org/bgpfilters/*") 4}}{{.}};{{end}}',
        '{{bgpFilterFunctionName "f" "Import" "4"}} {{hashToIPv4 "n2"}} {{replace "a-b-c" "-" "/" 1}}',
      ].join('\n'),
      ['prefix = "/calico"', 'keys = ["/bgp/v1", "/v1/ipam/v4/pool", "/staticroutes", "/resources/v3"]'],
    );
    expect(textOf('view')).toBe(
      [
        '64600 true',
        'n1=10.0.0.1 n2=10.0.0.2 n3=10.0.0.3 rr=10.0.0.9 ',
        '10.0.0.0/24 244.0.0.1',
        '192.0.2.1-1790 65001 1790 f',
        '10.65.0.0-16 cross-subnet',
        '10.96.0.0/12 false else',
        "# v4 BGPFilter f;function 'bgp_f_importFilterV4'(bool internal_peer);{;  reject;;};",
        "'bgp_f_importFilterV4' 4.128.169.61 a/b-c",
      ].join('\n'),
    );
    put('narrow', '{{exists "/as_num"}} {{ls "/"}}', ['prefix = "/calico/bgp/v1/global"', 'keys = ["/as_num"]']);
    expect(textOf('narrow')).toBe('true [as_num]');
    put('own', '{{ls "/"}}', ['prefix = "/calico/ipam/v2/host//NODENAME"', 'keys = ["/ipv4/block"]']);
    expect(textOf('own')).toBe('[ipv4]');
  });

  it('sees what the BGPConfiguration says of all nodes, where it says anything', () => {
    put('global', '{{range gets "/bgp/v1/global/*"}}{{base .Key}}={{.Value}}\n{{end}}', [
      'prefix = "/calico"',
      'keys = ["/bgp/v1/global"]',
    ]);
    const configurations = [
      configuration({
        nodeMeshPassword: { secretKeyRef: { name: 'bgp', key: 'mesh' } },
        nodeMeshMaxRestartTime: '2m',
        bindMode: 'NodeIP',
        ignoredInterfaces: ['docker*', 'virbr0'],
        serviceExternalIPs: [{ cidr: '192.0.2.0/24' }, { cidr: '198.51.100.7/32' }],
      }),
    ];
    expect(textOf('global', { ...resources, configurations })?.split('\n')).toEqual([
      'as_num=64512',
      'bind_mode=NodeIP',
      'ignored_interfaces=docker*,virbr0',
      'loglevel=info',
      'node_mesh={"enabled":true}',
      'node_mesh_password=open sesame',
      'node_mesh_restart_time=120',
      'svc_external_ips=192.0.2.0/24,198.51.100.7/32',
      '',
    ]);
  });

  it("has BIRD's configuration as Calico's templates get it", () => {
    put(
      'bgp',
      [
        '{{$c := getBGPConfig 4 .}}{{$c.NodeName}} {{$c.NodeIP}} {{$c.ASNumber}} {{$c.RouterID}} {{$c.ListenPort}}',
        '{{range $c.Peers}}{{.Name}} {{.IP}} {{.Port}} {{.ASNumber}} {{.Type}} {{.Passive}} {{.TTLSecurity}}',
        '{{end}}{{(index $c.Peers 0).ImportFilter}}',
        '{{range $c.KernelFilterForIPPools}}{{.}}{{end}}',
        '{{$c.DirectInterfaces}} {{len (getBGPConfig 6 .).Peers}}',
      ].join('\n'),
    );
    expect(textOf('bgp')).toBe(
      [
        'n2 10.0.0.2 64600 10.0.0.2 1179',
        'Global_192_0_2_1_port_1790 192.0.2.1 1790 65001 global false off',
        'Mesh_10_0_0_1 10.0.0.1 1179 64600 mesh false off',
        'Mesh_10_0_0_3 10.0.0.3 1179 64600 mesh true off',
        "'bgp_f_importFilterV4'(false);",
        '    accept;',
        'if ( net ~ 10.65.0.0/16 ) then { reject; } # Cluster routes are handled by Felix.',
        '-"cali*", -"kube-ipvs*", "*" 0',
      ].join('\n'),
    );
  });

  it('looks up names without waiting, and is rendered again when there is an answer', async () => {
    put('names', '{{join (lookupIP "127.0.0.1") " "}} {{len (lookupIP "not..a.name")}} {{len datetime}}');
    expect(textOf('names')).toBe(' 0 33');
    expect(lookups.isWaiting).toBe(true);
    await lookups.settled();
    expect([lookups.isWaiting, news]).toEqual([false, 2]);
    expect(textOf('names')).toBe('127.0.0.1 0 33');
    expect(news).toBe(2);
  });

  it.each([
    ['line one\n{{nope}}', [], /bird\.cfg\.template:2:3: function "nope" not defined$/],
    ['\n\n {{getv "/x"}}', [], /bird\.cfg\.template:3:4: error calling getv: key does not exist: \/x$/],
    ['', ['keys = 7'], /bird\.cfg\.toml:1: keys must be a list$/],
    ['', ['what is this'], /bird\.cfg\.toml:4: expected a key and a value$/],
    ['', ['mode = "99"'], /mode "99" is not octal$/],
    ['', ['uid = "root"'], /uid must be a number$/],
  ])('that is wrong keeps its file set back, and says in which file and line', (template, lines, message) => {
    put('bird.cfg', template, lines);
    const failures = render().map(({ failure }) => failure);
    expect(failures.filter((failure) => failure !== undefined)).toEqual([expect.stringMatching(message)]);
  });
});

describe("TOML of confd's resources", () => {
  it('is read with all forms of text, lists over lines and comments', () => {
    const text = [
      '# a comment',
      'outside = 1',
      '[template] # here',
      `a = "x\\t\\"\\u0041" # end`,
      `b = 'C:\\raw'`,
      'c = ["one", # first',
      `  'two',`,
      ']',
      'd = """\nlong "text" \\\n   on"""',
      "e = '''raw\nlines'''",
      'uid = 0x1F',
      'on = true',
      '[other]',
      'a = "not this"',
    ].join('\n');
    expect(Object.fromEntries(readTomlTable(text, 'template'))).toEqual({
      a: 'x\t"A',
      b: 'C:\\raw',
      c: ['one', 'two'],
      d: 'long "text" on',
      e: 'raw\nlines',
      uid: 31,
      on: true,
    });
  });
});
