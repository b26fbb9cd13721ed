import { createHash } from 'node:crypto';
import type { Family } from '@calico-node/net';
import { readAttributes } from '../attributes.ts';
import type { NetlinkMessage, NetlinkRequest } from '../message.ts';
import { NetlinkError } from '../netlink-error.ts';
import { NetlinkSocket, type BatchOutcome } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';
import { familyOfNumber } from './family.ts';
import { IpsetError } from './ipset-error.ts';
import { readMember, type IpsetMember } from './ipset-member.ts';
import {
  createRequest,
  destroyRequest,
  listRequest,
  memberRequests,
  swapRequest,
  typeRequest,
  type IpsetSpec,
  type IpsetType,
} from './ipset-requests.ts';
import { commandAttribute, dataAttribute, inUse } from './numbers.ts';

/** A set as the kernel has it. */
export interface KernelIpset {
  readonly name: string;
  readonly type: string;
  /** `undefined` for types that have none. */
  readonly family: Family | undefined;
  readonly maxElements: number | undefined;
  /** How many members it has. */
  readonly elements: number | undefined;
}

/** A change of sets, in the order of a list of them. */
export type IpsetChange =
  | { readonly kind: 'create'; readonly set: IpsetSpec }
  | { readonly kind: 'destroy'; readonly name: string }
  | { readonly kind: 'swap'; readonly name: string; readonly other: string }
  | {
      readonly kind: 'add' | 'delete';
      readonly set: Pick<IpsetSpec, 'name' | 'family'>;
      readonly members: readonly IpsetMember[];
    };

const NFGENMSG_BYTES = 4;

/** Reads and changes ipset's sets in one network namespace (nfnetlink, subsystem 6). */
export class IpsetSocket implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #revisions = new Map<string, number>();
  readonly #counts = { calls: 0, errors: 0, operations: 0 };

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(options: { readonly netns?: NetnsRef } = {}): IpsetSocket {
    return new IpsetSocket(NetlinkSocket.open({ protocol: 'netfilter', ...options }));
  }

  /**
   * Makes the changes in order. Sets have no transactions: those behind one that fails are tried all the same.
   * @throws IpsetError for the first that the kernel refuses.
   */
  change(changes: readonly IpsetChange[]): void {
    const requests = this.#requestsOf(changes);
    if (requests.length > 0) this.#check(this.#socket.execute(requests));
  }

  /** `change` with the kernel's work off the main thread. */
  async changeAsync(changes: readonly IpsetChange[]): Promise<void> {
    const requests = this.#requestsOf(changes);
    if (requests.length > 0) this.#check(await this.#socket.executeAsync(requests));
  }

  /**
   * Destroys the sets; one that is not there is no error. Gives those that stay because rules look into them.
   * @throws IpsetError for the first that the kernel refuses to destroy for another reason.
   */
  async destroyUnused(names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set();
    const outcome = await this.#socket.executeAsync(names.map(destroyRequest));
    const isInUse = (error: BatchOutcome[number]): boolean => error !== undefined && inUse.includes(error.errno);
    this.#check(outcome.map((error) => (isInUse(error) ? undefined : error)));
    return new Set(names.filter((_, index) => isInUse(outcome[index])));
  }

  /** Batches of changes, those of them that had an error, and single operations, since it was opened. */
  get counts(): { readonly calls: number; readonly errors: number; readonly operations: number } {
    return { ...this.#counts };
  }

  /** All sets of the namespace, whoever made them. */
  list(): KernelIpset[] {
    return this.#socket.dump(listRequest(), readHeader).filter((set) => set.name !== '');
  }

  /** The members of a set of addresses or of (address, port); none when there is no such set. */
  members(name: string): IpsetMember[] {
    try {
      return this.#socket.dump(listRequest(name), readMembers).flat();
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  /** A digest of the sets whose names begin so, with their members: another one after every change of them. */
  digest(prefix: string): string {
    const hash = createHash('sha1');
    for (const { name } of this.list()) {
      if (name.startsWith(prefix)) this.#socket.dump(listRequest(name), ({ body }) => hash.update(body));
    }
    return hash.digest('base64');
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(outcome: BatchOutcome): void {
    const error = outcome.find((candidate) => candidate !== undefined);
    this.#counts.calls += 1;
    this.#counts.operations += outcome.length;
    if (error === undefined) return;
    this.#counts.errors += 1;
    throw new IpsetError(error);
  }

  #requestsOf(changes: readonly IpsetChange[]): NetlinkRequest[] {
    return changes.flatMap((change) => {
      switch (change.kind) {
        case 'create':
          return [createRequest(change.set, this.#revision(change.set.type, change.set.family))];
        case 'destroy':
          return [destroyRequest(change.name)];
        case 'swap':
          return [swapRequest(change.name, change.other)];
        case 'add':
        case 'delete':
          return memberRequests(change.kind, change.set, change.members);
      }
    });
  }

  /** The newest that the kernel knows. */
  #revision(type: IpsetType, family: Family): number {
    const key = `${type} ${family}`;
    const known = this.#revisions.get(key);
    if (known !== undefined) return known;
    const read = (message: NetlinkMessage): number => bodyOf(message).u8(commandAttribute.revision) ?? 0;
    const [revision = 0] = this.#socket.request(typeRequest(type, family), read);
    this.#revisions.set(key, revision);
    return revision;
  }
}

function bodyOf(message: NetlinkMessage): ReturnType<typeof readAttributes> {
  return readAttributes(message.body, NFGENMSG_BYTES);
}

function readHeader(message: NetlinkMessage): KernelIpset {
  const body = bodyOf(message);
  const data = body.nested(commandAttribute.data);
  return {
    name: body.string(commandAttribute.setName) ?? '',
    type: body.string(commandAttribute.typeName) ?? '',
    family: familyOfNumber(body.u8(commandAttribute.family) ?? 0),
    maxElements: data?.be32(dataAttribute.maxElements),
    elements: data?.be32(dataAttribute.elements),
  };
}

function readMembers(message: NetlinkMessage): IpsetMember[] {
  return bodyOf(message)
    .list(commandAttribute.members)
    .map(readMember)
    .filter((member) => member !== undefined);
}
