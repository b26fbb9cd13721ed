import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeKeepalive, encodeOpenMessage, headerLength, u8 } from '@calico-node/bgp';
import { openTcpSocket } from '@calico-node/netlink';
import { parseIp } from '@calico-node/net';
import { bgpV1, callUnary, connectUnix } from '@calico-node/rpc';
import { asn, ourDaemon } from './daemons.ts';
import { Hostile } from './hostile.ts';
import { BenchNetwork } from './network.ts';
import { holdSeconds } from './speaker.ts';
import { connected } from './scenarios.ts';

export interface SessionOutcome {
  /** Messages that the daemon has read from the attacker. */
  readonly inputs: number;
  /** Sessions that the daemon ended for what came over them. */
  readonly resets: number;
  readonly longestSilenceMs: number;
  readonly daemonMib: number;
}

const perBatch = 32;
const roundTripMs = 10_000;

/** One session of the attacker's: sends good messages damaged until the daemon ends it, or all are sent. */
async function attack(network: BenchNetwork, hostile: Hostile, most: number): Promise<void> {
  const address = parseIp(network.peerAddresses[0] ?? '');
  const fd = openTcpSocket({ family: 4, netns: network.loadNamespace, bind: { ip: address, port: 0 } });
  const options = { fd, readable: true, writable: true, manualStart: true };
  const socket = new Socket(options).connect({ host: network.daemonAddress, port: 179 });
  let sent = 0;
  const session = { isOver: false };
  const over = new Promise<void>((resolve) => {
    const end = (): void => {
      session.isOver = true;
      resolve();
    };
    socket.on('close', end).on('error', end).on('end', end);
    socket.on('data', (chunk: Buffer) => {
      // A NOTIFICATION: the session is lost.
      for (let at = 0; at + headerLength <= chunk.length; at += Math.max(headerLength, chunk.readUInt16BE(at + 16))) {
        if (u8(chunk, at + 18) === 3) end();
      }
    });
  });
  const capabilities = [
    { kind: 'multiprotocol', family: 4 },
    { kind: 'four-octet-as', asn },
  ] as const;
  socket.write(encodeOpenMessage({ asn, routerId: 0x0afe0201, holdSeconds: 90, capabilities }));
  socket.write(encodeKeepalive());
  while (!session.isOver && sent < most) {
    const batch = Array.from({ length: perBatch }, () =>
      hostile.below(100) === 0 ? hostile.damaged(hostile.update(), headerLength) : hostile.changed(hostile.update()),
    );
    const isTaken = socket.write(Buffer.concat(batch));
    sent += perBatch;
    if (!isTaken)
      await Promise.race([over, new Promise((resolve) => socket.once('drain', resolve)), delay(roundTripMs)]);
    else await Promise.race([over, delay(0)]);
  }
  socket.destroy();
}

async function messagesFrom(client: bgpV1.BgpServiceClient, address: string): Promise<number> {
  const { peers } = await callUnary(client.listPeers.bind(client), {}, { timeoutMs: roundTripMs });
  return Number(peers.find((peer) => peer.address === address)?.messagesReceived ?? 0n);
}

/** A live session under damaged UPDATEs, beside a witness. @throws Error when the witness notices. */
export async function fuzzSession(inputs: number, seed: number): Promise<SessionOutcome> {
  const network = new BenchNetwork(2);
  const closing: (() => void)[] = [];
  try {
    ourDaemon(undefined).start(network);
    const witness = await connected(network, 1, { ignoresRoutes: true });
    const hostile = new Hostile(seed);
    const client = connectUnix(bgpV1.BgpServiceClient, join(network.directory, 'bgp.sock'));
    closing.push(() => {
      client.close();
    });
    let [taken, resets] = [0, -1];
    while (taken < inputs) {
      await attack(network, hostile, inputs - taken);
      taken = await messagesFrom(client, network.peerAddresses[0] ?? '');
      resets++;
      if (!witness.isUp) throw new Error('the witness lost its session');
    }
    await delay(1000 * (holdSeconds / 3));
    const { longestSilenceMs } = witness;
    if (!witness.isUp) throw new Error('the witness lost its session');
    if (longestSilenceMs > 1000 * holdSeconds) throw new Error(`the witness heard nothing for ${longestSilenceMs} ms`);
    witness.close();
    return {
      inputs: taken,
      resets,
      longestSilenceMs: Math.round(longestSilenceMs),
      daemonMib: Math.round(network.peakMib),
    };
  } finally {
    for (const close of closing) close();
    await network.close();
  }
}
