import { execFileSync } from 'node:child_process';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
});

afterEach(async () => {
  daemon.close();
  await rig.close();
});

const prefix = '192.0.2.0/24';
const route = (): string => ours.ip('route', 'show', prefix).trim();

/** Takes a host's link off the bridge, or puts it on: no carrier is lost, so nobody notices but by silence. */
function connect(host: Host, isConnected: boolean): void {
  const [, id, number] = /^(.*)-(\d+)$/.exec(host.name) ?? [];
  const master = isConnected ? ['master', 'br0'] : ['nomaster'];
  execFileSync('ip', ['-n', `${id}-hub`, 'link', 'set', `h${number}`, ...master]);
}

function startBird(session: string): Bird {
  return new Bird(
    theirs,
    `router id ${theirs.address};
log stderr all;
debug protocols { states };
protocol device { }
protocol bfd { interface "*" { interval 300 ms; }; multihop { interval 300 ms; }; }
protocol static { ipv4; route ${prefix} blackhole; }
protocol bgp ours {
  local ${theirs.address} as 64512;
  neighbor ${ours.address} as 64512;
  ${session}
  bfd on; connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export all; next hop self; };
}
`,
  );
}

async function peerWith(bfd: Partial<bgpV1.Bfd>, bird: Bird): Promise<void> {
  await daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: [{ name: 'bird', address: theirs.address, remoteAs: 64512, multihop: bfd.ifConnected === true, bfd }],
      kernel: { learn: true, program: true },
    }),
  );
  await until(
    'BGP and BFD up here',
    async () => (await daemon.peers())[0],
    (peer) => peer?.state === bgpV1.SessionState.ESTABLISHED && peer.bfd?.state === bgpV1.BfdState.UP,
  );
  await until(
    'BFD up there',
    () => bird.birdc('show', 'bfd', 'sessions'),
    (text) => new RegExp(`${ours.address}\\s+\\S+\\s+Up`).test(text),
  );
  await until('route', route, (text) => text !== '');
}

async function lost(): Promise<bgpV1.Peer | undefined> {
  return until(
    'session lost',
    async () => (await daemon.peers())[0],
    (peer) => peer?.state !== bgpV1.SessionState.ESTABLISHED,
  );
}

describe('BFD with BIRD 2', () => {
  it.each([
    { hops: 'one hop', session: 'direct;', multihop: false },
    { hops: 'several hops', session: '', multihop: true },
  ])(
    'ends the session over $hops when packets stop, and has it again when they come',
    async ({ session, multihop }) => {
      const bird = startBird(session);
      await peerWith({ multihop }, bird);
      connect(theirs, false);
      const peer = await lost();
      // TCP has noticed nothing, and the hold time is far off.
      expect(peer?.lastError).toContain('BFD Down');
      expect(peer?.bfd?.failures).toBe(1);
      await until('route gone', route, (text) => text === '');
      connect(theirs, true);
      await daemon.established();
      await until(
        'BFD up again',
        async () => (await daemon.peers())[0]?.bfd?.state,
        (state) => state === bgpV1.BfdState.UP,
      );
      await until('route back', route, (text) => text !== '');
    },
  );

  it('keeps the routes over a failure when it is graceful, of a session that may go over several hops as well', async () => {
    const bird = startBird('direct; graceful restart on;');
    await peerWith({ graceful: true, ifConnected: true }, bird);
    expect((await daemon.peers())[0]?.bfd?.multihop).toBe(false);
    connect(theirs, false);
    expect(await lost()).toMatchObject({ stale: true, lastError: 'Socket: BFD down' });
    expect(route()).not.toBe('');
  });

  it('goes on for a while telling BIRD that it was ended on purpose, and comes up anew when it is wanted again', async () => {
    const bird = startBird('direct; graceful restart on;');
    await peerWith({}, bird);
    // The state are the first two bits of the second octet (RFC 5880 4.1).
    const chain = 'add chain inet watch in { type filter hook input priority 0; }';
    theirs.nft(`add table inet watch; ${chain}; add rule inet watch in udp dport 3784 @th,72,2 0 counter`);
    await daemon.apply(bgpV1.BgpConfig.fromPartial({ routerId: ours.address, localAs: 64512 }));
    const counted = (): number => {
      const rules = execFileSync('nsenter', [
        `--net=/run/netns/${theirs.name}`,
        'nft',
        'list',
        'table',
        'inet',
        'watch',
      ]);
      return Number(/packets (\d+)/.exec(rules.toString())?.[1]);
    };
    await until('AdminDown, more than once', counted, (packets) => packets > 1);
    await peerWith({}, bird);
    expect(theirs.log('bird.log')).not.toMatch(/ours: .*BFD/i);
  });

  it('is told on purpose when we stop: BIRD does not take it for a failure', async () => {
    const bird = startBird('direct; graceful restart on;');
    await peerWith({}, bird);
    await daemon.kill('SIGTERM');
    const log = await until(
      'BIRD has noticed',
      () => theirs.log('bird.log'),
      (text) => /ours: (?!.*established).*(restart|down|closed)/i.test(text),
    );
    expect(log).not.toMatch(/ours: .*BFD/i);
  });
});
