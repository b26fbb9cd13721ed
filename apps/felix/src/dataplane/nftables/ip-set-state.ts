import { addressBits, familyOf, splitCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { splitIpPortMember, type IpPortMember, type IpSetId } from '../../calc/ip-set.ts';
import { setNameInKernel } from './kernel-names.ts';
import { KernelSetState } from './kernel-set.ts';
import { NetworkCover } from './network-cover.ts';

/** One IP set of one family as the kernel sets that hold its members. */
export interface IpSetState {
  readonly id: IpSetId;
  /** Every kernel set that may exist for it. */
  readonly kernelSets: readonly KernelSetState[];
  /** Those that are to exist now and that rules must look into; it changes with the members. */
  readonly parts: readonly [KernelSetState, ...KernelSetState[]];
  /** Whether it has no member of the family. */
  readonly isEmpty: boolean;
  /** Members of the other family are ignored. */
  add(members: readonly string[]): void;
  remove(members: readonly string[]): void;
  clear(): void;
}

/**
 * Addresses and networks. Single addresses are in a hash set, where a change costs nothing; networks in
 * an interval set, where it costs the size of the set. A set without networks has no interval set, and
 * one with networks alone no hash set, so that rules look into one set where one will do.
 */
export class NetIpSet implements IpSetState {
  readonly id: IpSetId;
  readonly #family: Family;
  readonly #hosts: KernelSetState;
  readonly #nets: KernelSetState;
  #cover = new NetworkCover();

  constructor(id: IpSetId, family: Family) {
    this.id = id;
    this.#family = family;
    this.#hosts = new KernelSetState(setNameInKernel(id, family, 'hosts'), 'hosts', family);
    this.#nets = new KernelSetState(setNameInKernel(id, family, 'nets'), 'nets', family);
  }

  get kernelSets(): readonly KernelSetState[] {
    return [this.#hosts, this.#nets];
  }

  get parts(): readonly [KernelSetState, ...KernelSetState[]] {
    if (this.#nets.members.desiredSize === 0) return [this.#hosts];
    return this.#hosts.members.desiredSize === 0 ? [this.#nets] : [this.#hosts, this.#nets];
  }

  get isEmpty(): boolean {
    return this.#hosts.members.desiredSize + this.#nets.members.desiredSize === 0;
  }

  add(members: readonly string[]): void {
    for (const cidr of this.#ours(members)) {
      if (this.#isHost(cidr)) this.#hosts.members.set(cidr, '');
      else this.#change(this.#cover.add(cidr));
    }
  }

  remove(members: readonly string[]): void {
    for (const cidr of this.#ours(members)) {
      if (this.#isHost(cidr)) this.#hosts.members.delete(cidr);
      else this.#change(this.#cover.delete(cidr));
    }
  }

  clear(): void {
    this.#hosts.members.clear();
    this.#nets.members.clear();
    this.#cover = new NetworkCover();
  }

  #change({ added, removed }: { readonly added: readonly Cidr[]; readonly removed: readonly Cidr[] }): void {
    for (const cidr of removed) this.#nets.members.delete(cidr);
    for (const cidr of added) this.#nets.members.set(cidr, '');
  }

  #isHost(cidr: Cidr): boolean {
    return splitCidr(cidr).prefixLength === addressBits(this.#family);
  }

  #ours(members: readonly string[]): readonly Cidr[] {
    return (members as readonly Cidr[]).filter((cidr) => familyOf(cidr) === this.#family);
  }
}

/** Named ports: (address, protocol, port). */
export class PortIpSet implements IpSetState {
  readonly id: IpSetId;
  readonly #family: Family;
  readonly #ports: KernelSetState;

  constructor(id: IpSetId, family: Family) {
    this.id = id;
    this.#family = family;
    this.#ports = new KernelSetState(setNameInKernel(id, family, 'hosts'), 'ports', family);
  }

  get kernelSets(): readonly KernelSetState[] {
    return [this.#ports];
  }

  get parts(): readonly [KernelSetState] {
    return [this.#ports];
  }

  get isEmpty(): boolean {
    return this.#ports.members.desiredSize === 0;
  }

  add(members: readonly string[]): void {
    for (const member of this.#ours(members)) this.#ports.members.set(member, '');
  }

  remove(members: readonly string[]): void {
    for (const member of this.#ours(members)) this.#ports.members.delete(member);
  }

  clear(): void {
    this.#ports.members.clear();
  }

  #ours(members: readonly string[]): readonly string[] {
    return members.filter((member) => {
      const ip: IpAddress = splitIpPortMember(member as IpPortMember).ip;
      return familyOf(ip) === this.#family;
    });
  }
}
