import type { Attributes } from '../attributes.ts';
import type { NetnsRef } from '../netns.ts';
import { NetlinkSocket } from '../netlink-socket.ts';
import { readBody, readFamily } from './decode.ts';
import type { TableFamily } from './family.ts';
import { messageType, TRACE_GROUP, traceAttribute, traceType } from './numbers.ts';
import { readVerdict, type Verdict } from './verdict.ts';

/** What the kernel tells of a traced packet at one rule that it matched, or at the end of a chain. */
export interface TraceStep {
  /** The packet's, the same from hook to hook. */
  readonly id: number;
  readonly family: TableFamily;
  readonly table: string;
  readonly chain: string;
  /** `rule`: one matched; `return`: a chain that was jumped to ended; `policy`: a base chain did. */
  readonly kind: 'rule' | 'return' | 'policy';
  /** Of the rule that matched. */
  readonly ruleHandle?: bigint;
  /** Absent for one that we know no name for, such as a queue. */
  readonly verdict?: Verdict;
  /** The packet as it is by then: told once for each base chain. */
  readonly packet?: TracedPacket;
}

/** A traced packet's headers, of which the kernel tells the beginnings; valid during the call of `onStep` only. */
export interface TracedPacket {
  /** From the IP header on. */
  readonly network: Uint8Array;
  readonly transport: Uint8Array;
  /** Index of the interface that it is to leave by, where that is known already. */
  readonly outInterface?: number;
}

export interface TraceOptions {
  readonly netns?: NetnsRef;
  readonly onStep: (step: TraceStep) => void;
  /** Steps were lost. */
  readonly onOverrun: () => void;
}

const kinds = new Map<number, TraceStep['kind']>([
  [traceType.rule, 'rule'],
  [traceType.return, 'return'],
  [traceType.policy, 'policy'],
]);

/** Hears of packets that a rule has marked for tracing (`meta nftrace set 1`), until it is closed. */
export class NftablesTrace implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open({ netns, onStep, onOverrun }: TraceOptions): NftablesTrace {
    const socket = NetlinkSocket.open({
      protocol: 'netfilter',
      groups: [TRACE_GROUP],
      ...(netns === undefined ? {} : { netns }),
    });
    socket.watch({
      onMessage: (message) => {
        if (message.type !== messageType.trace) return;
        const family = readFamily(message);
        const attributes = readBody(message);
        const kind = kinds.get(attributes.be32(traceAttribute.type) ?? 0);
        if (family === undefined || kind === undefined) return;
        const ruleHandle = attributes.be64(traceAttribute.ruleHandle);
        const told = attributes.nested(traceAttribute.verdict);
        const policy = attributes.be32(traceAttribute.policy);
        const verdict = told === undefined ? policyVerdict(policy) : readVerdict(told);
        const packet = readPacket(attributes);
        onStep({
          id: attributes.be32(traceAttribute.id) ?? 0,
          family,
          table: attributes.string(traceAttribute.table) ?? '',
          chain: attributes.string(traceAttribute.chain) ?? '',
          kind,
          ...(ruleHandle === undefined ? {} : { ruleHandle }),
          ...(verdict === undefined ? {} : { verdict }),
          ...(packet === undefined ? {} : { packet }),
        });
      },
      onOverrun,
    });
    return new NftablesTrace(socket);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function readPacket(attributes: Attributes): TracedPacket | undefined {
  const network = attributes.bytes(traceAttribute.networkHeader);
  if (network === undefined) return undefined;
  const outInterface = attributes.be32(traceAttribute.outInterface);
  return {
    network,
    transport: attributes.bytes(traceAttribute.transportHeader) ?? new Uint8Array(),
    ...(outInterface === undefined ? {} : { outInterface }),
  };
}

/** NF_DROP or NF_ACCEPT, as a base chain's policy is told. */
function policyVerdict(policy: number | undefined): Verdict | undefined {
  return policy === undefined ? undefined : { kind: policy === 0 ? 'drop' : 'accept' };
}
