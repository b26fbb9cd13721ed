import type { Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  encodeAttributes,
  encodeKeepalive,
  encodeOpenMessage,
  UpdatePacker,
  type PathAttributes,
} from '@calico-node/bgp';
import { parseCidr, parseIp, type IpAddress } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { bgpV1 } from '@calico-node/rpc';
import type { Logger } from '@calico-node/service';
import { parseConfig } from '../config/parse-config.ts';
import type { Fib } from '../fib/fib.ts';
import { RouteWriter } from '../fib/route-writer.ts';
import { collectGarbage } from './collect-garbage.ts';
import { quietKernel } from './quiet-kernel.ts';
import { Speaker } from './speaker.ts';

const speakers = 3;
const rounds = 2;
const updates = 250;
const prefixesPerUpdate = 25;
const localAs = 64512;
/** Gives up on a round that does not end. */
const roundMs = 500;

/** A kernel that takes everything: requests are made, and go nowhere. */
function quietFib(): Fib {
  const socket = RouteSocket.open({ native: quietKernel() });
  const writer = new RouteWriter(socket);
  return {
    snapshot: () => ({
      routes: [
        {
          destination: parseCidr('192.0.2.0/24'),
          kind: 'unicast',
          gateway: undefined,
          interfaceIndex: 1,
          protocol: 2,
          metric: 0,
          isLinkScope: true,
        },
      ],
      interfaces: new Map([[1, 'warm-up']]),
      addresses: new Set(),
    }),
    apply: (changes, onDone) => {
      void writer.write(changes).then(onDone);
    },
    close: () => {
      socket.close();
    },
  };
}

/**
 * Takes a small table of made-up routes through a speaker of its own, a few times, over connections that
 * never leave the process. Node.js compiles code once it has run for a while: what is met here is fast
 * when the first peer sends its routes.
 */
export async function warmUp(log: Logger): Promise<void> {
  // More than one, for the code not to be made for the functions of the first alone.
  for (let count = 0; count < speakers; count++) await runOnce(log, count === 0);
  // None of it is needed again: let it not burden the first routes.
  collectGarbage();
}

async function runOnce(log: Logger, program: boolean): Promise<void> {
  const peers = [1, 2, 3].map((last) => ({ address: parseIp(`192.0.2.${last}`), asn: last === 3 ? 64513 : localAs }));
  const silent = log.child({}, { level: 'silent' });
  let accept: ((socket: Socket, remote: IpAddress) => void) | undefined;
  const speaker = new Speaker({
    openFib: quietFib,
    dial: () => {
      throw new Error('nobody is called here');
    },
    listen: (_addresses, _port, handlers) => {
      accept = handlers.accept.bind(handlers);
      return { setKeys: () => undefined, close: () => undefined };
    },
    log: silent,
    onChange: () => undefined,
  });
  const neighbors = peers.map(({ address, asn }) => ({
    name: address,
    address,
    remoteAs: asn,
    passive: true,
    multihop: true,
    routeReflectorClient: asn === localAs,
    exportFilters: ['all'],
  }));
  const filters = [{ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] }];
  speaker.apply(
    parseConfig(
      bgpV1.BgpConfig.fromPartial({ routerId: '192.0.2.9', localAs, neighbors, filters, kernel: { program } }),
    ),
  );
  const wires = peers.map(({ address, asn }, index) => {
    const [near, far] = duplexPair();
    // Of a socket, the speaker uses what any stream has, and this.
    accept?.(Object.assign(near, { setNoDelay: () => near, localAddress: '192.0.2.9' }) as unknown as Socket, address);
    far.resume();
    far.on('error', () => undefined);
    far.write(
      encodeOpenMessage({ asn, holdSeconds: 90, routerId: index + 1, capabilities: [{ kind: 'four-octet-as', asn }] }),
    );
    far.write(encodeKeepalive());
    return far;
  });
  const [client, , external] = wires;
  const all = updates * prefixesPerUpdate;
  for (let round = 0; round < rounds; round++) {
    for (const wire of [client, external]) {
      await send(wire, announcements(wire === external), () => speaker.prefixes === all);
      await send(wire, withdrawals(), () => speaker.prefixes === 0);
    }
  }
  for (const { address } of peers) speaker.neighbors.find(({ config }) => config.address === address)?.suspend();
  speaker.stop();
  for (const wire of wires) wire.destroy();
}

async function send(wire: Duplex | undefined, messages: Uint8Array, isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + roundMs;
  for (let at = 0; at < messages.length; at += 1 << 16) wire?.write(messages.subarray(at, at + (1 << 16)));
  do await nextTurn();
  while (!isDone() && performance.now() < deadline);
  await nextTurn();
}

function attributesOf(index: number, isExternal: boolean): PathAttributes {
  return {
    origin: 'IGP',
    asPath: [{ kind: 'sequence', asns: [64513 + (index % 5), 1 + index] }],
    nextHop: parseIp('192.0.2.1'),
    ...(isExternal ? {} : { localPref: 100 + (index % 2) }),
    ...(index % 2 === 0 ? { communities: [index, index + 1] } : { med: index }),
  };
}

function announcements(isExternal: boolean): Uint8Array {
  const messages: Uint8Array[] = [];
  for (let index = 0; index < updates; index++) {
    const attributes = encodeAttributes(attributesOf(index, isExternal), { as4: true, withNextHop: true });
    const packer = new UpdatePacker(4, 4096, { family: 4, attributes });
    addAll(packer, index);
    messages.push(packer.finish());
  }
  return Buffer.concat(messages);
}

function withdrawals(): Uint8Array {
  const packer = new UpdatePacker(4, 4096);
  for (let index = 0; index < updates; index++) addAll(packer, index);
  return packer.finish();
}

function addAll(packer: UpdatePacker, update: number): void {
  for (let index = 0; index < prefixesPerUpdate; index++) {
    packer.add4(((10 << 24) | ((update * prefixesPerUpdate + index) << 8)) >>> 0, 24 + (index % 3));
  }
}
