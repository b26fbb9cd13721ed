/**
 * What a ruleset does to a packet: the executable meaning of `model.ts`, against which drivers and the
 * renderer are tested. Slow and simple on purpose.
 */
import { cidrContains, type Family, type IpAddress } from '@calico-node/net';
import type { IpSetId } from '../calc/ip-set.ts';
import type {
  Action,
  ConntrackState,
  HookName,
  KeyField,
  KeyPart,
  Layer,
  Match,
  Rule,
  Ruleset,
  Side,
} from './model.ts';

export interface Packet {
  readonly family: Family;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  /** Present for protocols with ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Present for ICMP and ICMPv6. */
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly inInterface?: string;
  readonly outInterface?: string;
  readonly conntrackState: ConntrackState;
  readonly destinationTranslated?: boolean;
  /** The route back to the source leaves by another interface than `inInterface`. */
  readonly reversePathFailed?: boolean;
  readonly mark?: number;
}

/** What a ruleset asks about and does not hold itself. */
export interface PacketWorld {
  inSet(set: IpSetId, ip: IpAddress): boolean;
  inPortSet(set: IpSetId, ip: IpAddress, protocol: number, port: number): boolean;
  /** Whether the host has the address, on the interface where one is given. */
  isLocal(ip: IpAddress, interfaceName?: string): boolean;
}

export interface Outcome {
  readonly verdict: 'accept' | 'drop' | 'reject';
  readonly mark: number;
  /** Prefixes of the log rules met. */
  readonly logs: readonly string[];
  /** The first address translation met, if any. */
  readonly translation?: Action;
  /** The chains entered, in order: for messages of failing tests. */
  readonly trail: readonly string[];
}

/** The hooks that a packet passes, by what becomes of it. */
export const packetPaths = {
  forward: ['prerouting', 'forward', 'postrouting'],
  input: ['prerouting', 'input'],
  output: ['output', 'postrouting'],
} as const satisfies Record<string, readonly HookName[]>;

/** The ruleset refers to what it does not hold, or nests deeper than the kernel allows. */
export class InterpretError extends Error {
  override readonly name = 'InterpretError';
}

/** NFT_JUMP_STACK_SIZE. */
const maxJumpDepth = 16;

const layerOrder: readonly Layer[] = ['raw', 'mangle', 'nat', 'filter'];

/** Sends the packet through the hooks. Throws `InterpretError` for a ruleset that the kernel would refuse. */
export function interpret(ruleset: Ruleset, hooks: readonly HookName[], packet: Packet, world: PacketWorld): Outcome {
  const walk = new Walk(ruleset, packet, world);
  for (const hookName of hooks) {
    const inHook = ruleset.hooks.filter((hook) => hook.hook === hookName);
    for (const hook of inHook.sort((a, b) => layerOrder.indexOf(a.layer) - layerOrder.indexOf(b.layer))) {
      const verdict = walk.runRules(hook.layer, [...hook.rules, ...hook.appendedRules], 0);
      if (verdict === 'drop' || verdict === 'reject') return walk.outcome(verdict);
    }
  }
  return walk.outcome('accept');
}

/** A verdict ends the hook; `return`, which running off a chain's end is too, goes on in the caller. */
type Result = 'accept' | 'drop' | 'reject' | 'return';

class Walk {
  readonly #ruleset: Ruleset;
  readonly #packet: Packet;
  readonly #world: PacketWorld;
  readonly #logs: string[] = [];
  readonly #trail: string[] = [];
  #mark: number;
  #state: ConntrackState;
  #translation: Action | undefined;

  constructor(ruleset: Ruleset, packet: Packet, world: PacketWorld) {
    this.#ruleset = ruleset;
    this.#packet = packet;
    this.#world = world;
    this.#mark = packet.mark ?? 0;
    this.#state = packet.conntrackState;
  }

  outcome(verdict: Outcome['verdict']): Outcome {
    const found = { verdict, mark: this.#mark, logs: this.#logs, trail: this.#trail };
    return this.#translation === undefined ? found : { ...found, translation: this.#translation };
  }

  runRules(layer: Layer, rules: readonly Rule[], depth: number): Result {
    for (const { matches, action } of rules) {
      if (!matches.every((match) => this.#holds(match))) continue;
      const result = this.#act(action, layer, depth);
      if (result !== undefined) return result;
    }
    return 'return';
  }

  /** The result that ends the chain, or nothing to go on with the next rule. */
  #act(action: Action, layer: Layer, depth: number): Result | undefined {
    switch (action.kind) {
      case 'accept':
      case 'drop':
      case 'return':
        return action.kind;
      case 'reject':
        if (layer !== 'filter') throw new InterpretError(`reject in ${layer}`);
        return 'reject';
      case 'look-up': {
        const [found, other] = action.entries.filter(({ parts }) => this.#isIn(action.fields, parts));
        if (other !== undefined) throw new InterpretError('a packet is in two entries of one look-up');
        const verdict = found?.verdict;
        if (verdict?.kind === 'goto') return this.#runChain(layer, verdict.chain, depth);
        return verdict?.kind;
      }
      case 'jump': {
        const result = this.#runChain(layer, action.chain, depth + 1);
        return result === 'return' ? undefined : result;
      }
      case 'goto':
        return this.#runChain(layer, action.chain, depth);
      case 'dispatch': {
        const chain = this.#lookUp(layer, action.map);
        return chain === undefined ? undefined : this.#runChain(layer, chain, depth);
      }
      case 'set-mark':
        this.#mark = ((this.#mark & ~action.mask) | action.value) >>> 0;
        return undefined;
      case 'log':
        this.#logs.push(action.prefix);
        return undefined;
      case 'masquerade':
      case 'snat':
      case 'dnat':
        this.#translation ??= action;
        return 'accept';
      case 'notrack':
        if (layer !== 'raw') throw new InterpretError(`notrack in ${layer}`);
        this.#state = 'untracked';
        return undefined;
      case 'flow-log':
      case 'set-dscp':
      case 'none':
        return undefined;
    }
  }

  #runChain(layer: Layer, name: string, depth: number): Result {
    if (depth > maxJumpDepth) throw new InterpretError(`chain ${name} is nested too deep`);
    const found = this.#ruleset.chains.find((chain) => chain.layer === layer && chain.name === name);
    if (found === undefined) throw new InterpretError(`no chain ${name} in ${layer}`);
    this.#trail.push(name);
    return this.runRules(layer, found.rules, depth);
  }

  #lookUp(layer: Layer, name: string): string | undefined {
    const map = this.#ruleset.dispatchMaps.find((candidate) => candidate.layer === layer && candidate.name === name);
    if (map === undefined) throw new InterpretError(`no dispatch map ${name} in ${layer}`);
    const key = map.key === 'in-interface' ? this.#packet.inInterface : this.#packet.outInterface;
    return map.entries.find(({ interfaceName }) => interfaceName === key)?.chain;
  }

  #isIn(fields: readonly KeyField[], parts: readonly KeyPart[]): boolean {
    const { protocol, source, destination, sourcePort, destinationPort } = this.#packet;
    return fields.every((field, index) => {
      const part = parts[index];
      switch (part?.kind) {
        case 'protocol':
          return protocol === part.protocol;
        case 'net':
          return cidrContains(part.cidr, field === 'source' ? source : destination);
        case 'ports': {
          const port = field === 'source-port' ? sourcePort : destinationPort;
          return port !== undefined && part.first <= port && port <= part.last;
        }
        case undefined:
          throw new InterpretError('an entry has fewer parts than its look-up has fields');
      }
    });
  }

  #holds(match: Match): boolean {
    if (match.kind === 'reverse-path-failed') return this.#packet.reversePathFailed === true;
    // One packet is within every rate and limit.
    if (match.kind === 'limit') return true;
    if (match.kind === 'connections-above') return false;
    return this.#test(match) !== match.negated;
  }

  #test(match: Extract<Match, { negated: boolean }>): boolean {
    const packet = this.#packet;
    switch (match.kind) {
      case 'protocol':
        return packet.protocol === match.protocol;
      case 'net':
        return cidrContains(match.cidr, this.#address(match.side));
      case 'set':
        return this.#world.inSet(match.set, this.#address(match.side));
      case 'port-set': {
        const port = this.#port(match.side);
        return port !== undefined && this.#world.inPortSet(match.set, this.#address(match.side), packet.protocol, port);
      }
      case 'ports': {
        const port = this.#port(match.side);
        if (port === undefined) throw new InterpretError('a ports match met a packet without ports');
        return match.ranges.some(({ first, last }) => first <= port && port <= last);
      }
      case 'icmp':
        if (packet.icmpType === undefined) throw new InterpretError('an icmp match met a packet without a type');
        return packet.icmpType === match.type && (match.code === undefined || packet.icmpCode === match.code);
      case 'conntrack-state':
        return match.states.includes(this.#state);
      case 'conntrack-dnat':
        return packet.destinationTranslated === true;
      case 'mark':
        return (this.#mark & match.mask) >>> 0 === match.value;
      case 'interface': {
        const name = (match.direction === 'in' ? packet.inInterface : packet.outInterface) ?? '';
        return match.prefix ? name.startsWith(match.name) : name === match.name;
      }
      case 'local-address': {
        const interfaceName =
          match.limitInterface === 'in'
            ? packet.inInterface
            : match.limitInterface === 'out'
              ? packet.outInterface
              : undefined;
        return this.#world.isLocal(this.#address(match.side), interfaceName);
      }
    }
  }

  #address(side: Side): IpAddress {
    return side === 'source' ? this.#packet.source : this.#packet.destination;
  }

  #port(side: Side): number | undefined {
    return side === 'source' ? this.#packet.sourcePort : this.#packet.destinationPort;
  }
}
