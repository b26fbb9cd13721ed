/**
 * The driver of workloads' bandwidth limits (`qosControls`): token buckets in the kernel's traffic control.
 *
 *   endpoints ─► touched interfaces ─┐
 *                                    ├─► apply ─► Shaper ─► kernel
 *   kernel's events ─────────────────┘
 *
 * It looks again only at interfaces that were touched, and at everything once others had their hands in. What fails is
 * told of and tried again; it holds up nothing: a workload without its limit is better than one without a network. Until
 * the first endpoint with a limit comes, it follows nothing in the kernel.
 */
import { type Link, NetlinkError, type NetnsRef, type RouteEvent, RouteMonitor } from '@calico-node/netlink';
import { TrafficControlMonitor } from '@calico-node/netlink/tc';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import { errorText } from '../error-text.ts';
import type { BandwidthLimit, Intent, LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { Retry } from '../retry.ts';
import { bucketOf } from './bucket.ts';
import { ifbNameOf } from './ifb-name.ts';
import { Shaper } from './shaper.ts';

export interface BandwidthLimitsOptions {
  readonly netns?: NetnsRef;
  /** Interfaces whose names begin so are workloads'. */
  readonly prefixes: readonly string[];
  /** Whether what workloads send is policed, as where the kernel has no `ifb`; else that is found out. */
  readonly isPolicing?: boolean;
  /** Whose the interface is, as of the intents taken. */
  readonly endpointOn: (interfaceName: string) => LocalWorkloadEndpoint | undefined;
  /** The kernel changed, or something is to be tried again: apply soon. */
  readonly onDirty: () => void;
  /** What somebody else had changed was put right on the interface. */
  readonly onRepair: (interfaceName: string) => void;
}

interface Wanted {
  readonly ingress: BandwidthLimit | undefined;
  readonly egress: BandwidthLimit | undefined;
}

const RETRY_MAX_MS = 10_000;

export class BandwidthLimits implements Disposable {
  readonly #options: BandwidthLimitsOptions;
  readonly #shaper: Shaper;
  readonly #interfaces = new Map<WorkloadEndpointId, string>();
  readonly #touched = new Set<string>();
  /** Interfaces that have limits, with what is in place there, as one text. */
  readonly #limited = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  readonly #monitors = new DisposableStack();
  #isFollowing = false;
  #isStale = true;
  readonly #retry: Retry;
  #repairs = 0;

  constructor(options: BandwidthLimitsOptions) {
    this.#options = options;
    this.#shaper = new Shaper(options);
    this.#retry = new Retry(() => {
      this.#tryAgain();
    }, RETRY_MAX_MS);
  }

  get writes(): number {
    return this.#shaper.writes;
  }

  /** How often a foreign change was put right. */
  get repairs(): number {
    return this.#repairs;
  }

  /** Takes changes into what should be; no I/O. */
  update(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (intent.type !== 'workload-endpoint-update' && intent.type !== 'workload-endpoint-remove') continue;
      const before = this.#interfaces.get(intent.id);
      if (before !== undefined) this.#touched.add(before);
      if (intent.type === 'workload-endpoint-remove') this.#interfaces.delete(intent.id);
      else {
        this.#interfaces.set(intent.id, intent.endpoint.interfaceName);
        this.#touched.add(intent.endpoint.interfaceName);
      }
    }
  }

  /** Reads the kernel anew at the next `apply`. */
  resync(): void {
    this.#isStale ||= this.#isFollowing;
  }

  /** Makes it so. Gives what failed, one text each, which is tried again. */
  apply(): readonly string[] {
    if (!this.#isFollowing && [...this.#touched].some((name) => isLimited(this.#wantedOn(name)))) this.#follow();
    this.#problems.delete('');
    try {
      if (this.#isStale) this.#list();
      // What the kernel had at the start is not known any more, and of no interest.
      else if (!this.#isFollowing) this.#touched.clear();
      for (const name of this.#touched) this.#shape(name);
      this.#touched.clear();
    } catch (error) {
      this.#isStale = true;
      this.#problems.set('', `what the kernel has cannot be read: ${errorText(error)}`);
    }
    if (this.#problems.size > 0) this.#retry.failed();
    else this.#retry.succeeded();
    return [...this.#problems.values()];
  }

  [Symbol.dispose](): void {
    this.#retry[Symbol.dispose]();
    this.#monitors.dispose();
    this.#shaper[Symbol.dispose]();
  }

  #tryAgain(): void {
    for (const name of this.#problems.keys()) if (name !== '') this.#touched.add(name);
    this.#options.onDirty();
  }

  #wantedOn(name: string): Wanted {
    const limits = this.#options.endpointOn(name)?.limits;
    return { ingress: limits?.ingress.bandwidth, egress: limits?.egress.bandwidth };
  }

  /** Everything, and what an earlier run left. */
  #list(): void {
    const { kernel } = this.#shaper;
    this.#shaper.list();
    this.#isStale = false;
    for (const name of this.#limited.keys()) this.#touched.add(name);
    for (const { name } of kernel.links()) if (kernel.isWorkload(name)) this.#touched.add(name);
    const names = new Set([...this.#interfaces.values(), ...this.#touched]);
    for (const name of this.#shaper.strayIfbs(names)) this.#shaper.deleteIfb(name);
  }

  #shape(name: string): void {
    const wanted = this.#wantedOn(name);
    const link = this.#shaper.kernel.link(name);
    this.#problems.delete(name);
    const before = this.#limited.get(name);
    if (isLimited(wanted)) this.#limited.set(name, before ?? '');
    else this.#limited.delete(name);
    if (link === undefined) {
      this.#shaper.deleteIfb(ifbNameOf(name));
      return;
    }
    const writes = this.#shaper.writes;
    const failed = (['ingress', 'egress'] as const).flatMap((direction) => this.#limit(link, direction, wanted));
    if (failed.length > 0) this.#problems.set(name, failed.join('; '));
    if (!isLimited(wanted)) return;
    const inPlace = failed.length > 0 ? '' : JSON.stringify([link.index, link.mtu, wanted.ingress, wanted.egress]);
    this.#limited.set(name, inPlace);
    if (inPlace !== before || inPlace === '' || this.#shaper.writes === writes) return;
    this.#repairs += 1;
    this.#options.onRepair(name);
  }

  #limit(link: Link, direction: 'ingress' | 'egress', wanted: Wanted): readonly string[] {
    const limit = wanted[direction];
    const bucket = limit === undefined ? undefined : bucketOf(limit, link.mtu);
    try {
      if (direction === 'ingress') this.#shaper.limitIngress(link, bucket);
      else this.#shaper.limitEgress(link, bucket);
      return [];
    } catch (error) {
      // The interface went meanwhile: that is told of by itself.
      if (error instanceof NetlinkError && error.code === 'ENODEV') return [];
      this.#isStale = true;
      const what = direction === 'ingress' ? 'to' : 'from';
      return [`${what} the workload on ${link.name}: ${errorText(error)}`];
    }
  }

  /** The monitors first: what happens while everything is listed is told once more. */
  #follow(): void {
    const { netns, onDirty } = this.#options;
    const where = netns === undefined ? {} : { netns };
    const onOverrun = (): void => {
      this.#isStale = true;
      onDirty();
    };
    const onEvent = (event: RouteEvent): void => {
      if (event.object === 'link') this.#onLink(event.action, event.link);
    };
    this.#monitors.use(RouteMonitor.open({ ...where, groups: ['link'], onEvent, onOverrun }));
    const onChange = ({ interfaceIndex, originPortId }: { interfaceIndex: number; originPortId: number }): void => {
      const isOurs = this.#shaper.isOwn(originPortId) || this.#shaper.kernel.nameOf(interfaceIndex) === undefined;
      if (!isOurs) onOverrun();
    };
    this.#monitors.use(TrafficControlMonitor.open({ ...where, onChange, onOverrun }));
    this.#isFollowing = true;
    this.#isStale = true;
  }

  #onLink(action: 'set' | 'delete', link: Link): void {
    const { kernel } = this.#shaper;
    const formerName = kernel.nameOf(link.index);
    if (formerName !== undefined && formerName !== link.name) {
      // It has another's limits now, or nobody's.
      this.#isStale = true;
      this.#options.onDirty();
    }
    if (!kernel.concerns(link)) return;
    const known = kernel.link(link.name);
    if (action === 'delete') kernel.deleteLink(link);
    else kernel.setLink(link);
    if (action === 'set' && known?.index === link.index && known.up === link.up && known.mtu === link.mtu) return;
    const isOurs = (name: string): boolean =>
      kernel.isWorkload(link.name) ? name === link.name : ifbNameOf(name) === link.name;
    const limited = [...this.#limited.keys()].find(isOurs);
    if (limited === undefined) return;
    this.#touched.add(limited);
    this.#options.onDirty();
  }
}

function isLimited({ ingress, egress }: Wanted): boolean {
  return ingress !== undefined || egress !== undefined;
}
