import type { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { encodeKeepalive, encodeOpenMessage } from '@calico-node/bgp';
import { parseIp } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import type { Logger } from '@calico-node/service';
import { Bmp } from '../bmp/bmp.ts';
import { parseConfig } from '../config/parse-config.ts';
import { MrtUpdateLog } from '../mrt/update-log.ts';
import type { ListenerHandlers } from '../session/listener.ts';
import { madeUpPrefixes, type MadeUpRoutes } from './made-up-routes.ts';
import { quietFib } from './quiet-fib.ts';
import { socketPairs } from './socket-pairs.ts';
import { Speaker } from './speaker.ts';

const localAs = 64512;
const localAddress = '192.0.2.9';
/** Gives up on a table that is not taken. */
const tableMs = 500;
/** How long after a table its memory is given back. */
const restMs = 2;

/** The first announces as a client of the reflector, the last from another AS; the second only listens. */
const peers = [localAs, localAs, localAs + 1].map((asn, index) => ({
  asn,
  routerId: index + 1,
  address: parseIp(`192.0.2.${index + 1}`),
}));

/** A speaker of its own that speaks with peers inside the process, and leaves the kernel alone. */
export class Rehearsal {
  readonly #speaker: Speaker;
  readonly #wires: readonly Socket[];

  private constructor(speaker: Speaker, wires: readonly Socket[]) {
    this.#speaker = speaker;
    this.#wires = wires;
  }

  /**
   * @param program whether routes go to what stands for the kernel.
   * @throws Error when the process cannot connect to itself.
   */
  static async begin(log: Logger, program: boolean): Promise<Rehearsal> {
    const pairs = await socketPairs(peers.length);
    let accept: ListenerHandlers['accept'] | undefined;
    const speaker: Speaker = new Speaker({
      observers: [new Bmp(() => speaker, log), new MrtUpdateLog(log)],
      openFib: quietFib,
      dial: () => {
        throw new Error('nobody is called here');
      },
      listen: (_addresses, _port, handlers) => {
        accept = handlers.accept.bind(handlers);
        return { setKeys: () => undefined, close: () => undefined };
      },
      log,
      onChange: () => undefined,
      tidyMs: restMs,
    });
    const neighbors = peers.map(({ address, asn }) => ({
      name: address,
      address,
      sourceAddress: localAddress,
      remoteAs: asn,
      passive: true,
      multihop: true,
      routeReflectorClient: asn === localAs,
      exportFilters: ['all'],
    }));
    const filters = [{ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] }];
    const config = { routerId: localAddress, localAs, neighbors, filters, kernel: { program } };
    speaker.apply(parseConfig(bgpV1.BgpConfig.fromPartial(config)));
    for (const [index, { address, asn, routerId }] of peers.entries()) {
      const pair = pairs[index];
      if (pair === undefined) continue;
      accept?.(pair.near, { address });
      pair.far.resume().on('error', () => undefined);
      // Without a hold time there are no timers.
      const capabilities = [{ kind: 'four-octet-as', asn }] as const;
      pair.far.write(encodeOpenMessage({ asn, holdSeconds: 0, routerId, capabilities }));
      pair.far.write(encodeKeepalive());
    }
    return new Rehearsal(
      speaker,
      pairs.map(({ far }) => far),
    );
  }

  /** Has the peers that announce do so, one after the other, and take everything back. */
  async play({ internal, external, withdrawals }: MadeUpRoutes): Promise<void> {
    const [client, , other] = this.#wires;
    for (const [wire, announcements] of [
      [client, internal],
      [other, external],
    ] as const) {
      await this.#send(wire, announcements, madeUpPrefixes);
      await this.#send(wire, withdrawals, 0);
      await delay(2 * restMs);
    }
  }

  close(): void {
    for (const neighbor of this.#speaker.neighbors) neighbor.suspend();
    this.#speaker.stop();
    for (const wire of this.#wires) wire.destroy();
  }

  async #send(wire: Socket | undefined, messages: Uint8Array, prefixes: number): Promise<void> {
    const deadline = performance.now() + tableMs;
    wire?.write(messages);
    do await nextTurn();
    while (this.#speaker.prefixes !== prefixes && performance.now() < deadline);
    await nextTurn();
  }
}
