/**
 * Keeps the flow table (`flow-table.ts`): which interfaces it is at, and whose connections it must not have. Whatever it
 * cannot do, packets take the way through the chains, as without it: nothing that fails here holds up anything else.
 *
 *   endpoints ─► wanted ─┐
 *   interfaces ──────────┴─► apply ─► nf_tables
 */
import type { Family } from '@calico-node/net';
import { RouteMonitor, RouteSocket, type NetnsRef, type RouteEvent } from '@calico-node/netlink';
import { NftablesMonitor, NftablesSocket, type RuleSpec, type Transaction } from '@calico-node/netlink/nftables';
import type { Logger } from '@calico-node/service';
import type { Intent } from '../../calc/intents.ts';
import { FlowEndpoints } from './flow-endpoints.ts';
import { changeFlowTable, flowRules, makeFlowTable, readFlowTable, type FlowTableContent } from './flow-table.ts';
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
  /** All there are, by name, with their index. */
  readonly #links = new Map<string, number>();
  #actual: FlowTableContent | undefined;
  #isStale = true;
  /** Whether the kernel has flow tables, as far as is known. */
  #isPossible: boolean | undefined;
  #isCounting = true;
  /** Connections in the table may not go on. */
  #mustEnd = false;
  #failures = 0;
  #writes = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: FlowOffloadOptions) {
    this.#options = options;
    this.#rules = flowRules(options);
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
          if (family === flowTableId.family && table === flowTableId.name && portId !== this.#socket.portId)
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

  /** How many interfaces the table is at. */
  get deviceCount(): number {
    return this.#actual?.devices.size ?? 0;
  }

  /** How many interfaces of workloads there should be and are not. */
  get missingCount(): number {
    return [...this.#endpoints.interfaces()].filter((name) => !this.#links.has(name)).length;
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
      if (this.#isPossible ?? this.#find()) this.#bringTo(this.#wanted());
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

  #read(): void {
    this.#links.clear();
    for (const { name, index } of this.#route.listLinks()) this.#links.set(name, index);
    this.#actual = readFlowTable(this.#socket, this.#rules);
    if (this.#actual !== undefined) {
      this.#isPossible = true;
      this.#isCounting = this.#actual.isCounting;
    }
    this.#isStale = false;
  }

  /** Finds out whether the kernel has flow tables, and whether they count. */
  #find(): boolean {
    let failure: unknown;
    for (const isCounting of [true, false]) {
      try {
        this.#make({ devices: new Set(), limited: new Set(), isCounting });
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

  #wanted(): FlowTableContent {
    const { isDataInterface } = this.#options;
    const workloads = this.#endpoints.interfaces();
    const names = [...this.#links.keys()].filter((name) => workloads.has(name) || isDataInterface(name));
    return { devices: new Set(names), limited: this.#endpoints.limited(), isCounting: this.#isCounting };
  }

  #bringTo(wanted: FlowTableContent): void {
    const actual = this.#actual;
    // Whose interface has gone, the kernel has ended the connections of.
    this.#mustEnd ||= [...this.#endpoints.takeEnded()].some((name) => this.#links.has(name));
    this.#mustEnd ||= actual !== undefined && takesBack(actual, wanted);
    if (actual === undefined || this.#mustEnd) {
      this.#make(wanted);
      this.#mustEnd = false;
      return;
    }
    this.#commit(changeFlowTable(actual, wanted));
    this.#actual = wanted;
  }

  #make(content: FlowTableContent): void {
    this.#commit(makeFlowTable(content, this.#rules, this.#socket.getTable(flowTableId) !== undefined));
    this.#actual = content;
  }

  #commit(transaction: Transaction): void {
    if (transaction.isEmpty) return;
    this.#socket.commit(transaction);
    this.#writes += transaction.requests.length;
  }

  #onLink(action: 'set' | 'delete', { name, index }: { readonly name: string; readonly index: number }): void {
    if (this.#links.get(name) === index && action === 'set') return;
    const isNews = this.#links.has(name) || [...this.#links.values()].includes(index);
    // The kernel took a device that went out of the table; one of another name, or another of the name, is another.
    if (isNews && action === 'set') this.#isStale = true;
    if (action === 'set') this.#links.set(name, index);
    else this.#links.delete(name);
    if (action === 'delete' && this.#actual?.devices.has(name) === true) {
      const devices = new Set(this.#actual.devices);
      devices.delete(name);
      this.#actual = { ...this.#actual, devices };
    }
    if (action === 'set') this.#options.onDirty();
  }
}

/** Whether the table may have connections that are not to be in it: of an interface or an address that is out of it now. */
function takesBack(actual: FlowTableContent, wanted: FlowTableContent): boolean {
  return !actual.devices.isSubsetOf(wanted.devices) || !wanted.limited.isSubsetOf(actual.limited);
}
