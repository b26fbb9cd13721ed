import { messageFlag, type NetlinkMessage } from '../message.ts';
import type { NativeTable } from '../native/table.ts';
import { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';
import { decodeAddress, type InterfaceIp } from './address.ts';
import { decodeSettings, type InterfaceSettings } from './interface-settings.ts';
import { rtm } from './kernel-numbers.ts';
import { decodeLink, type Link } from './link.ts';
import { decodeFdbEntry, decodeNeighbour, type FdbEntry, type Neighbour } from './neighbour.ts';
import { decodeRoute, isCloned } from './route-codec.ts';
import type { Route } from './route.ts';
import { decodeRule, type RoutingRule } from './rule.ts';

/** RTNLGRP_*. */
const groupNumbers = {
  link: [1],
  address: [5, 9],
  'ipv4-route': [7],
  'ipv6-route': [11],
  neighbour: [3],
  rule: [8, 19],
  settings: [24, 25],
} as const;

export type RouteGroup = keyof typeof groupNumbers;

interface EventBase {
  /** `set` for new and for changed. */
  readonly action: 'set' | 'delete';
  /** The netlink port that asked for the change, `RouteSocket.portId` for our own; 0 when the kernel made it itself. */
  readonly originPortId: number;
}

/** One change in the kernel's tables. */
export type RouteEvent = EventBase &
  (
    | { readonly object: 'link'; readonly link: Link }
    | { readonly object: 'address'; readonly address: InterfaceIp }
    | {
        readonly object: 'route';
        readonly route: Route;
        /** It was put behind those of its destination and metric; else it stands first, or in their place. */
        readonly isAppended: boolean;
      }
    | { readonly object: 'rule'; readonly rule: RoutingRule }
    | { readonly object: 'neighbour'; readonly neighbour: Neighbour }
    | { readonly object: 'forwarding-entry'; readonly entry: FdbEntry }
    | { readonly object: 'settings'; readonly settings: InterfaceSettings }
  );

export interface RouteMonitorOptions {
  readonly netns?: NetnsRef;
  readonly groups: readonly RouteGroup[];
  readonly onEvent: (event: RouteEvent) => void;
  /** Events were lost: list everything again, now. Events that follow are newer than this call. */
  readonly onOverrun: () => void;
  /** The kernel does not tell of changes that this netlink port asked for (`RouteSocket.portId`). */
  readonly ignoredPortId?: number;
  /** 32 MiB when absent: some 40,000 events. */
  readonly receiveBufferBytes?: number;
  readonly native?: NativeTable;
}

/**
 * Tells of every change in the kernel's links, addresses, routes, rules, neighbours and settings from `open` on; open it
 * first and list afterwards, and nothing is missed. It says nothing of IPv4 routes that go because their interface went down or away:
 * the kernel does not either, so take a link event as the end of its routes.
 */
export class RouteMonitor implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(options: RouteMonitorOptions): RouteMonitor {
    const { netns, native, receiveBufferBytes, groups, onEvent, onOverrun, ignoredPortId } = options;
    const socket = NetlinkSocket.open({
      protocol: 'route',
      groups: groups.flatMap((group) => groupNumbers[group]),
      ...(netns === undefined ? {} : { netns }),
      ...(native === undefined ? {} : { native }),
      ...(receiveBufferBytes === undefined ? {} : { receiveBufferBytes }),
      ...(ignoredPortId === undefined ? {} : { ignoredPortId }),
    });
    const onMessage = (message: NetlinkMessage): void => {
      const event = decodeEvent(message);
      if (event !== undefined) onEvent(event);
    };
    socket.watch({ onMessage, onOverrun });
    return new RouteMonitor(socket);
  }

  /** No event comes after this returns. */
  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What a multicast message tells; `undefined` when it is of no interest. */
export function decodeEvent(message: NetlinkMessage): RouteEvent | undefined {
  const originPortId = message.portId;
  switch (message.type) {
    case rtm.newLink:
    case rtm.deleteLink: {
      const link = decodeLink(message);
      const action = message.type === rtm.newLink ? 'set' : 'delete';
      return link && { object: 'link', action, link, originPortId };
    }
    case rtm.newAddress:
    case rtm.deleteAddress: {
      const address = decodeAddress(message);
      const action = message.type === rtm.newAddress ? 'set' : 'delete';
      return address && { object: 'address', action, address, originPortId };
    }
    case rtm.newRoute:
    case rtm.deleteRoute: {
      const route = isCloned(message) ? undefined : decodeRoute(message);
      const action = message.type === rtm.newRoute ? 'set' : 'delete';
      const isAppended = (message.flags & messageFlag.append) !== 0;
      return route && { object: 'route', action, route, isAppended, originPortId };
    }
    case rtm.newRule:
    case rtm.deleteRule: {
      const rule = decodeRule(message);
      const action = message.type === rtm.newRule ? 'set' : 'delete';
      return rule && { object: 'rule', action, rule, originPortId };
    }
    case rtm.newNeighbour:
    case rtm.deleteNeighbour: {
      const action = message.type === rtm.newNeighbour ? 'set' : 'delete';
      const entry = decodeFdbEntry(message);
      if (entry !== undefined) return { object: 'forwarding-entry', action, entry, originPortId };
      const neighbour = decodeNeighbour(message);
      return neighbour && { object: 'neighbour', action, neighbour, originPortId };
    }
    case rtm.newNetconf: {
      const settings = decodeSettings(message);
      return settings && { object: 'settings', action: 'set', settings, originPortId };
    }
    default:
      return undefined;
  }
}
