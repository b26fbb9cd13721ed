/**
 * The driver of XDP on host endpoints' interfaces.
 *
 *   denied sources ─► Blocklist per interface ─┐
 *                                              ├─► apply ─► XdpFilter (maps, program) ─► rtnetlink ─► interface
 *   links, their programs ─────────────────────┘
 *
 * A program belongs to its interface and needs no file: after a restart it is found there, with its maps, and goes on
 * unbroken. Somebody else's stays where it is; then, and wherever XDP does not go, the packet filter alone does the work,
 * as it could anywhere.
 */
import {
  NetlinkError,
  RouteMonitor,
  RouteSocket,
  setXdp,
  type NetnsRef,
  type RouteEvent,
  type XdpChange,
  type XdpInterface,
  type XdpMode,
} from '@calico-node/netlink';
import type { Cidr } from '@calico-node/net';
import type { Failsafes } from '@calico-node/policy';
import type { IpSetDelta, IpSetUpdate } from '../../calc/intents.ts';
import { errorText } from '../error-text.ts';
import type { IpSetId } from '../../calc/ip-set.ts';
import type { DeniedSources } from '../../rules/xdp-denials.ts';
import { Blocklist } from './blocklist.ts';
import { failsafeKeys } from './filter-keys.ts';
import { SourceSets } from './source-sets.ts';
import { whyUnsuited } from './why-unsuited.ts';
import { type FoundProgram, isWithoutBpf, XdpFilter } from './xdp-filter.ts';

export interface XdpDriverOptions {
  readonly netns?: NetnsRef;
  readonly failsafes: Failsafes;
  /** GenericXDPEnabled: also where the interface's driver knows nothing of XDP. */
  readonly allowsGeneric: boolean;
  /** What a set holds now. */
  readonly membersOf: (set: IpSetId) => Iterable<Cidr>;
  /** The kernel changed: apply soon. */
  readonly onDirty: () => void;
  /** What somebody else had changed was put right on the interface. */
  readonly onRepair: (interfaceName: string) => void;
  /** XDP is not used there, for that reason. Told when it changes. */
  readonly onPassedOver: (interfaceName: string, reason: string) => void;
}

interface Target {
  readonly blocklist: Blocklist;
  /** Once it is in place. */
  filter?: XdpFilter;
  /** Of the interface that the filter was put on. */
  index?: number;
  /** Why there is no filter. */
  reason?: string | undefined;
}

export class XdpDriver implements Disposable {
  readonly #options: XdpDriverOptions;
  readonly #route: RouteSocket;
  readonly #monitor: RouteMonitor;
  readonly #modes: readonly XdpMode[];
  readonly #failsafes: Uint8Array;
  readonly #sets: SourceSets;
  readonly #targets = new Map<string, Target>();
  /** Interfaces to look at; all of them at first. */
  readonly #touched = new Set<string>();
  #isStale = true;
  /** The filters' maps are to be read again. */
  #isUnknown = false;

  constructor(options: XdpDriverOptions) {
    this.#options = options;
    // Calico tries offload before: no network card takes longest-prefix maps.
    this.#modes = options.allowsGeneric ? ['driver', 'generic'] : ['driver'];
    this.#failsafes = failsafeKeys(options.failsafes);
    this.#sets = new SourceSets(options.membersOf);
    const where = options.netns === undefined ? {} : { netns: options.netns };
    using opened = new DisposableStack();
    this.#route = opened.use(RouteSocket.open(where));
    const onOverrun = (): void => {
      this.#isStale = true;
      options.onDirty();
    };
    const onEvent = (event: RouteEvent): void => {
      if (event.object !== 'link') return;
      const { name, index, kind } = event.link;
      const isTarget = this.#targets.has(name) || this.#targets.values().some((target) => target.index === index);
      if (isTarget || kind === 'vlan') onOverrun();
    };
    const ignoredPortId = this.#route.portId;
    this.#monitor = opened.use(RouteMonitor.open({ ...where, groups: ['link'], onEvent, onOverrun, ignoredPortId }));
    opened.move();
  }

  /** Packets dropped by interface, since its program was put there. */
  drops(): readonly { readonly interfaceName: string; readonly packets: number }[] {
    return [...this.#targets].flatMap(([interfaceName, { filter }]) =>
      filter === undefined ? [] : [{ interfaceName, packets: filter.drops }],
    );
  }

  /** What is denied where, from now on; no I/O. */
  setTargets(sources: DeniedSources): void {
    for (const [name, sets] of sources) {
      let target = this.#targets.get(name);
      if (target === undefined) {
        target = { blocklist: new Blocklist(this.#sets) };
        this.#targets.set(name, target);
        this.#isStale = true;
      }
      target.blocklist.setSets(sets);
      this.#touched.add(name);
    }
    for (const [name, target] of this.#targets) {
      if (sources.has(name)) continue;
      target.blocklist.setSets([]);
      this.#leave(name, target, undefined);
      this.#targets.delete(name);
      this.#isStale = true;
    }
  }

  updateSet(intent: IpSetUpdate | IpSetDelta): void {
    const change = this.#sets.change(intent);
    if (change === undefined) return;
    for (const [name, { blocklist }] of this.#targets) {
      blocklist.change(change);
      this.#touched.add(name);
    }
  }

  /** Reads the kernel anew at the next `apply`. */
  resync(): void {
    this.#isStale = true;
    this.#isUnknown = true;
  }

  /** Makes it so. Gives what failed, one text each; the next call tries that again. */
  apply(): readonly string[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    try {
      if (this.#isStale) return this.#lookAtAll();
    } catch (error) {
      this.#isStale = true;
      return [errorText(error)];
    }
    return touched.flatMap((name) => {
      const { filter, blocklist } = this.#targets.get(name) ?? {};
      return filter === undefined ? [] : this.#attempt(name, () => blocklist?.writeTo(filter));
    });
  }

  /** The programs stay in force. */
  [Symbol.dispose](): void {
    this.#monitor.close();
    this.#route.close();
    for (const { filter } of this.#targets.values()) filter?.[Symbol.dispose]();
  }

  #attempt(name: string, work: () => unknown): readonly string[] {
    try {
      work();
      return [];
    } catch (error) {
      // The interface went meanwhile: that is told of by itself.
      if (error instanceof NetlinkError && error.code === 'ENODEV') return [];
      this.#isStale = true;
      return [`${name}: ${errorText(error)}`];
    }
  }

  #lookAtAll(): readonly string[] {
    const isUnknown = this.#isUnknown;
    const interfaces = this.#route.listXdp();
    this.#isStale = false;
    this.#isUnknown = false;
    const names = new Set(interfaces.map(({ name }) => name));
    for (const [name, target] of this.#targets) if (!names.has(name)) this.#leave(name, target, undefined);
    return interfaces.flatMap((each) =>
      this.#attempt(each.name, () => {
        const target = this.#targets.get(each.name);
        if (target === undefined) this.#clear(each);
        else this.#keep(each, target, isUnknown, whyUnsuited(each, interfaces));
      }),
    );
  }

  /** A target's interface, as it is now. */
  #keep(found: XdpInterface, target: Target, isUnknown: boolean, unsuited: string | undefined): void {
    if (unsuited !== undefined) {
      this.#clear(found);
      this.#leave(found.name, target, unsuited);
      return;
    }
    const [program] = found.programs;
    try {
      if (program !== undefined && program.id === target.filter?.programId && this.#modes.includes(program.mode)) {
        this.#check(found.name, target, target.filter, isUnknown);
      } else this.#place(found, target);
    } catch (error) {
      if (!isWithoutBpf(error)) throw error;
      this.#leave(found.name, target, `this process may not use eBPF (${error.code})`);
    }
  }

  /** Its filter is in place. */
  #check(name: string, target: Target, filter: XdpFilter, isUnknown: boolean): void {
    target.blocklist.writeTo(filter);
    if (!isUnknown) return;
    target.blocklist.readFrom(filter);
    const written = target.blocklist.writeTo(filter);
    if (filter.setFailsafes(this.#failsafes) || written > 0) this.#options.onRepair(name);
  }

  /** Takes over what an earlier run left, takes the place of what may be replaced, or puts a filter where none is. */
  #place(place: XdpInterface, target: Target): void {
    const { name, index, programs } = place;
    const wasInPlace = target.filter !== undefined && target.index === index;
    const [program, another] = programs;
    const found = program === undefined || another !== undefined ? undefined : XdpFilter.identify(program.id);
    // One that went meanwhile is none.
    const mode = found === undefined ? undefined : program?.mode;
    if (found?.kind === 'foreign' || another !== undefined) {
      this.#clear(place);
      this.#leave(name, target, 'there is an XDP program of somebody else');
      return;
    }
    using replaced = found?.kind === 'replaceable' ? found.program : undefined;
    if (found?.kind === 'ours') {
      target.filter?.[Symbol.dispose]();
      target.filter = found.filter;
    }
    target.filter ??= XdpFilter.create();
    target.index = index;
    const { filter, blocklist } = target;
    const fill = (): void => {
      blocklist.readFrom(filter);
      blocklist.writeTo(filter);
    };
    filter.setFailsafes(this.#failsafes);
    let refusal: string | undefined;
    if (mode !== undefined && this.#modes.includes(mode)) {
      // What is in force stays so without a gap.
      fill();
      const change = { interfaceIndex: index, mode, fd: filter.programFd };
      if (replaced !== undefined) this.#set({ ...change, replacedFd: replaced.fd });
    } else {
      const replacedFd = replaced?.fd ?? filter.programFd;
      if (mode !== undefined) this.#set({ interfaceIndex: index, mode, replacedFd });
      refusal = this.#put(index, filter);
      if (refusal === undefined) fill();
    }
    if (refusal !== undefined) this.#leave(name, target, refusal);
    else this.#pass(name, target, undefined);
    if (refusal === undefined && wasInPlace) this.#options.onRepair(name);
  }

  /** Puts the filter on an interface without a program, in the first mode that goes; gives why none does. */
  #put(interfaceIndex: number, { programFd: fd }: XdpFilter): string | undefined {
    let refusal: string | undefined;
    for (const mode of this.#modes) {
      const [error] = this.#route.execute([setXdp({ interfaceIndex, mode, fd })]);
      if (error === undefined) return undefined;
      if (error.code === 'ENODEV') throw error;
      refusal = error.message;
    }
    return `XDP does not go there: ${refusal ?? 'no mode is allowed'}`;
  }

  /** No program of ours is to be there. */
  #clear({ index, programs }: XdpInterface): void {
    for (const { mode, id } of programs) {
      const found = identify(id);
      if (found === undefined || found.kind === 'foreign') continue;
      using program = found.kind === 'ours' ? found.filter : found.program;
      const replacedFd = 'programFd' in program ? program.programFd : program.fd;
      this.#set({ interfaceIndex: index, mode, replacedFd });
    }
  }

  #set(change: XdpChange): void {
    this.#route.apply([setXdp(change)]);
  }

  /** There is no filter of the target any more. */
  #leave(name: string, target: Target, reason: string | undefined): void {
    target.filter?.[Symbol.dispose]();
    delete target.filter;
    delete target.index;
    this.#pass(name, target, reason);
  }

  #pass(name: string, target: Target, reason: string | undefined): void {
    if (target.reason === reason) return;
    target.reason = reason;
    if (reason !== undefined) this.#options.onPassedOver(name, reason);
  }
}

/** As `XdpFilter.identify`; who may not look cannot have brought it. */
function identify(id: number): FoundProgram | undefined {
  try {
    return XdpFilter.identify(id);
  } catch (error) {
    if (isWithoutBpf(error)) return undefined;
    throw error;
  }
}
