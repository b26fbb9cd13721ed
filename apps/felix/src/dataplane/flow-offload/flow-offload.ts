/**
 * Keeps the flow table (`flow-table.ts`): which interfaces it is at, and whose connections it must not have. Whatever it
 * cannot do, packets take the way through the chains, as without it: nothing that fails here holds up anything else.
 *
 *   endpoints ─► touched ─┐
 *   interfaces ───────────┴─► apply ─► nf_tables
 *
 * It looks again only at interfaces and addresses that were touched, and at all once others had their hands in.
 */
import type { Family, IpAddress } from '@calico-node/net';
import { RouteMonitor, RouteSocket, type NetnsRef, type RouteEvent } from '@calico-node/netlink';
import { NftablesMonitor, NftablesSocket, type RuleSpec, type Transaction } from '@calico-node/netlink/nftables';
import type { Logger } from '@calico-node/service';
import type { Intent } from '../../calc/intents.ts';
import { ForeignChanges } from '../foreign-changes.ts';
import { FlowEndpoints } from './flow-endpoints.ts';
import { extendFlowTable, flowRules, makeFlowTable, readFlowTable, type FlowTableContent } from './flow-table.ts';
import { KnownLinks } from './known-links.ts';
import { flowTableId } from './remove-flow-table.ts';

export interface FlowOffloadOptions {
  readonly netns?: NetnsRef;
  readonly families: readonly Family[];
  /** Starts of the names of workload interfaces. */
  readonly prefixes: readonly string[];
  /** Interfaces of the host that lead to others. */
  readonly isDataInterface: (name: string) => boolean;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Something changed, or is to be tried again: apply soon. */
  readonly onDirty: () => void;
}

const RETRY_MS = 1000;
/** An interface may go while it is put into the table; what goes on failing is told of. */
const QUIET_FAILURES = 3;

export class FlowOffload implements Disposable {
  readonly #options: FlowOffloadOptions;
  readonly #endpoints = new FlowEndpoints();
  readonly #rules: readonly RuleSpec[];
  readonly #opened = new DisposableStack();
  readonly #socket: NftablesSocket;
  readonly #route: RouteSocket;
  readonly #links = new KnownLinks();
  /** What the table has. */
  readonly #devices = new Set<string>();
  readonly #limited = new Set<IpAddress>();
  /** Interfaces and addresses of which what the table has may not be what it should have. */
  readonly #touchedDevices = new Set<string>();
  readonly #touchedAddresses = new Set<IpAddress>();
  #isStale = true;
  /** The table is not there, or may have connections that are not to be in it: it is made anew. */
  #mustMake = false;
  readonly #foreign: ForeignChanges;
  /** Whether the kernel has flow tables, as far as is known. */
  #isPossible: boolean | undefined;
  #isCounting = true;
  #failures = 0;
  #writes = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: FlowOffloadOptions) {
    this.#options = options;
    this.#rules = flowRules(options);
    this.#foreign = new ForeignChanges(() => {
      options.log.warn({ table: flowTableId.name }, 'somebody else changed the flow table, which was put right');
    });
    const where = options.netns === undefined ? {} : { netns: options.netns };
    const onOverrun = (): void => {
      this.resync();
      options.onDirty();
    };
    this.#socket = this.#opened.use(NftablesSocket.open(where));
    this.#route = this.#opened.use(RouteSocket.open(where));
    // The monitors before anything is listed: nothing is missed.
    this.#opened.use(
      NftablesMonitor.open({
        ...where,
        onEvent: ({ family, table, portId }) => {
          const isOurs = family === flowTableId.family && table === flowTableId.name;
          if (!isOurs || portId === this.#socket.portId) return;
          this.#foreign.add(flowTableId.name);
          onOverrun();
        },
        onOverrun,
      }),
    );
    const onEvent = (event: RouteEvent): void => {
      if (event.object === 'link') this.#onLink(event.action, event.link);
    };
    this.#opened.use(RouteMonitor.open({ ...where, groups: ['link'], onEvent, onOverrun }));
  }

  get writes(): number {
    return this.#writes;
  }

  /** How often a foreign change was put right. */
  get repairs(): number {
    return this.#foreign.count;
  }

  /** How many interfaces the table is at. */
  get deviceCount(): number {
    return this.#devices.size;
  }

  /** How many interfaces of workloads there should be and are not. */
  get missingCount(): number {
    return [...this.#endpoints.interfaces.keys()].filter((name) => !this.#links.has(name)).length;
  }

  /** Takes changes into what should be; no I/O. */
  update(intents: readonly Intent[]): void {
    if (this.#isPossible !== false) this.#endpoints.take(intents);
  }

  /** Reads the kernel anew at the next `apply`. */
  resync(): void {
    this.#isStale = true;
  }

  /** Makes it so; what fails is told of in the log and tried again. Nothing is reported: nobody depends on it. */
  apply(): string[] {
    clearTimeout(this.#retry);
    if (this.#isPossible === false) return [];
    try {
      if (this.#isStale) this.#read();
      if (this.#isPossible ?? this.#find()) this.#bringAbout();
      this.#failures = 0;
    } catch (error) {
      this.#isStale = true;
      this.#failures += 1;
      if (this.#failures === QUIET_FAILURES)
        this.#options.log.warn({ err: error }, 'connections are not offloaded as they should be; trying on');
      this.#retry = setTimeout(this.#options.onDirty, RETRY_MS);
    }
    return [];
  }

  /** Leaves the table to the kernel. */
  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
    this.#opened.dispose();
  }

  /** Lists everything, so that all is touched. */
  #read(): void {
    this.#links.clear();
    for (const { name, index } of this.#route.listLinks()) this.#links.set(name, index);
    const actual = readFlowTable(this.#socket, this.#rules);
    this.#hold(actual);
    this.#mustMake ||= actual === undefined;
    if (actual !== undefined) {
      this.#isPossible = true;
      this.#isCounting = actual.isCounting;
    }
    const { interfaces, limited } = this.#endpoints;
    for (const name of [...this.#links.names(), ...interfaces.keys(), ...this.#devices]) this.#touchedDevices.add(name);
    for (const ip of [...limited.keys(), ...this.#limited]) this.#touchedAddresses.add(ip);
    this.#isStale = false;
  }

  /** The table has that now. */
  #hold(content: FlowTableContent | undefined): void {
    this.#devices.clear();
    this.#limited.clear();
    for (const name of content?.devices ?? []) this.#devices.add(name);
    for (const ip of content?.limited ?? []) this.#limited.add(ip);
  }

  /** Finds out whether the kernel has flow tables, and whether they count. */
  #find(): boolean {
    let failure: unknown;
    for (const isCounting of [true, false]) {
      try {
        this.#make({ devices: new Set(), limited: new Set(), isCounting });
        this.#mustMake = false;
        this.#isCounting = isCounting;
        this.#isPossible = true;
        return true;
      } catch (error) {
        failure ??= error;
      }
    }
    this.#isPossible = false;
    this.#opened.dispose();
    this.#options.log.warn(
      { err: failure },
      'NFTablesFlowTableOffload has no effect: this kernel has no flow tables (nf_flow_table, nft_flow_offload); packets of known connections pass the chains',
    );
    return false;
  }

  #bringAbout(): void {
    const { interfaces, limited } = this.#endpoints;
    for (const name of interfaces.takeChanged()) this.#touchedDevices.add(name);
    for (const ip of limited.takeChanged()) this.#touchedAddresses.add(ip);
    // Whose interface has gone, the kernel has ended the connections of.
    this.#mustMake ||= [...this.#endpoints.takeEnded()].some((name) => this.#links.has(name));
    const [devices, addresses] = [[...this.#touchedDevices], [...this.#touchedAddresses]];
    this.#mustMake ||=
      devices.some((name) => this.#devices.has(name) && !this.#wantsDevice(name)) ||
      addresses.some((ip) => limited.has(ip) && !this.#limited.has(ip));
    if (this.#mustMake) {
      const names = [...this.#links.names()].filter((name) => this.#wantsDevice(name));
      const content = { devices: new Set(names), limited: new Set(limited.keys()), isCounting: this.#isCounting };
      this.#make(content);
      this.#hold(content);
      this.#mustMake = false;
    } else {
      const added = devices.filter((name) => !this.#devices.has(name) && this.#wantsDevice(name));
      const freed = addresses.filter((ip) => this.#limited.has(ip) && !limited.has(ip));
      this.#commit(extendFlowTable({ devices: added, freed, isCounting: this.#isCounting }));
      for (const name of added) this.#devices.add(name);
      for (const ip of freed) this.#limited.delete(ip);
    }
    this.#touchedDevices.clear();
    this.#touchedAddresses.clear();
    this.#foreign.settle(this.#writes);
  }

  #wantsDevice(name: string): boolean {
    return this.#links.has(name) && this.#isOfInterest(name);
  }

  #isOfInterest(name: string): boolean {
    return this.#endpoints.interfaces.has(name) || this.#options.isDataInterface(name);
  }

  #make(content: FlowTableContent): void {
    this.#commit(makeFlowTable(content, this.#rules, this.#socket.getTable(flowTableId) !== undefined));
  }

  #commit(transaction: Transaction): void {
    if (transaction.isEmpty) return;
    this.#socket.commit(transaction);
    this.#writes += transaction.requests.length;
  }

  #onLink(action: 'set' | 'delete', { name, index }: { readonly name: string; readonly index: number }): void {
    if (action === 'delete') {
      this.#links.delete(name, index);
      // The kernel took it out of the table.
      this.#devices.delete(name);
      return;
    }
    const change = this.#links.set(name, index);
    if (change === 'same') return;
    // One of another name, or another of the name, is another.
    if (change === 'renamed') this.#isStale = true;
    else if (!this.#isOfInterest(name)) return;
    this.#touchedDevices.add(name);
    this.#options.onDirty();
  }
}
