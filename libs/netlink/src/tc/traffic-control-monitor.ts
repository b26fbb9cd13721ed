import { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';
import { decodeTcHeader } from './numbers.ts';

/** RTNLGRP_TC. */
const GROUP = 4;

export interface TrafficControlMonitorOptions {
  readonly netns?: NetnsRef;
  /** A qdisc or a filter of the interface came, changed or went; 0 as the origin: by the kernel itself. */
  readonly onChange: (change: { readonly interfaceIndex: number; readonly originPortId: number }) => void;
  /** Changes were lost: list everything again. */
  readonly onOverrun: () => void;
}

/**
 * Tells whose traffic control changed. The kernel says nothing of what goes with its interface: take the link's own
 * event for that.
 */
export class TrafficControlMonitor implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open({ netns, onChange, onOverrun }: TrafficControlMonitorOptions): TrafficControlMonitor {
    const socket = NetlinkSocket.open({
      protocol: 'route',
      groups: [GROUP],
      ...(netns === undefined ? {} : { netns }),
    });
    socket.watch({
      onMessage: ({ body, portId: originPortId }) => {
        const header = decodeTcHeader(body);
        if (header !== undefined) onChange({ interfaceIndex: header.interfaceIndex, originPortId });
      },
      onOverrun,
    });
    return new TrafficControlMonitor(socket);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
