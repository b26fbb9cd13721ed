import { createHash } from 'node:crypto';
import { ipToBytes, type Family } from '@calico-node/net';
import { encodeExpressions, type BaseChain, type Expression, type RuleSpec } from '@calico-node/netlink/nftables';
import type { Action, Chain, DispatchMap, Hook, Rule } from '../../rules/model.ts';
import { plainText } from '../../rules/plain-text.ts';
import { baseChainName, baseChainOf, chainNameInKernel, isPolicyChain, mapNameInKernel } from './kernel-names.ts';
import { renderLookUp } from './render-look-up.ts';
import { hostWord, portBytes, renderMatch, type RenderContext } from './render-match.ts';
import { rulePorts } from './rule-ports.ts';
import { joinReturns, returnsWhenMarked } from './shorten-rules.ts';

/** What rules of chains refer to beside sets. */
export interface ChainContext extends RenderContext {
  /** By the kernel's name of the map. */
  readonly dispatchKey: (map: string) => DispatchMap['key'];
}

/** A chain as the kernel is to have it. */
export interface ChainPlan {
  readonly name: string;
  /** Present for chains that the kernel calls. */
  readonly base?: BaseChain;
  /** Each with a comment that starts with its tag. */
  readonly rules: readonly RuleSpec[];
  /** What the rules look for in the set of rules' ports (`rule-ports.ts`). */
  readonly ports: readonly string[];
  /** Plans with equal rules have equal fingerprints; it covers every byte of them that the kernel is given. */
  readonly fingerprint: string;
}

/** Starts the comment of every rule of ours. */
const TAG_PREFIX = 'cali:';

/** LOG_NOTICE, as Felix logs. */
const LOG_LEVEL = 5;
/** NF_LOG_PREFIXLEN without the end of the string; the kernel refuses longer ones. */
const LOG_PREFIX_BYTES = 127;

export function planChain(chain: Chain, context: ChainContext): ChainPlan {
  return plan(chainNameInKernel(chain.layer, chain.name), undefined, chain.rules, chain.layer, context);
}

export function planHook(hook: Hook, context: ChainContext): ChainPlan {
  const { layer } = hook;
  const rules = [...hook.rules, ...hook.appendedRules];
  return plan(baseChainName(layer, hook.hook), baseChainOf(layer, hook.hook), rules, layer, context);
}

/** A chain that drops everything, in place of one that the kernel refuses. */
export function planRefusal({ name, base }: ChainPlan): ChainPlan {
  const comment = 'Refused by the kernel';
  const expressions: readonly Expression[] = [{ type: 'counter' }, { type: 'verdict', verdict: { kind: 'drop' } }];
  return seal(name, base, [{ expressions, comment }], []);
}

/** The tag that the kernel's copy of a plan's rule carries: `cali:<fingerprint>.<index>`. */
export function tagOf(fingerprint: string, index: number): string {
  return `${TAG_PREFIX}${fingerprint}.${index}`;
}

/**
 * The fingerprint of the chain that rules with these comments make up; `undefined` when they are not
 * exactly the rules of one chain of ours, in order.
 */
export function fingerprintOf(comments: readonly (string | undefined)[]): string | undefined {
  const fingerprint = /^cali:([\w-]+)\./.exec(comments[0] ?? '')?.[1];
  if (fingerprint === undefined) return undefined;
  const isWhole = comments.every((comment, index) => comment?.split(';', 1)[0] === tagOf(fingerprint, index));
  return isWhole ? `${fingerprint}/${comments.length}` : undefined;
}

/** What `fingerprintOf` says of the plan's rules once the kernel has them. */
export function expectedFingerprint(chain: ChainPlan): string | undefined {
  return chain.rules.length === 0 ? undefined : `${chain.fingerprint}/${chain.rules.length}`;
}

function plan(
  name: string,
  base: BaseChain | undefined,
  rules: readonly Rule[],
  layer: Chain['layer'],
  context: ChainContext,
): ChainPlan {
  // No packet enters with a mark of theirs on it: endpoints' chains clear marks, and return once one is set.
  const isPolicy = isPolicyChain(name);
  const short = joinReturns(rules);
  const rendered: RuleSpec[] = [];
  const ports: string[] = [];
  for (let index = 0; index < short.length; index++) {
    const rule = short[index];
    if (rule === undefined) continue;
    const isMarkAndReturn = isPolicy && returnsWhenMarked(rule, short[index + 1]);
    const then = isMarkAndReturn ? [returnVerdict] : [];
    const split = isPolicy ? rulePorts(rule, name, index) : undefined;
    const asked = split?.expressions ?? [];
    const specs = renderRule(split?.rule ?? rule, layer, context, asked, then, isPolicy || !isPassing(rule.action));
    rendered.push(...specs);
    if (split !== undefined && specs.length > 0) ports.push(...split.members);
    if (isMarkAndReturn) index++;
  }
  return seal(name, base, rendered, ports);
}

/**
 * Actions that only lead on. In chains other than policies' and profiles' they have no counter, which every packet would
 * have to update; where they lead there is one.
 */
function isPassing({ kind }: Action): boolean {
  return kind === 'jump' || kind === 'dispatch' || kind === 'set-mark';
}

const returnVerdict: Expression = { type: 'verdict', verdict: { kind: 'return' } };

function seal(
  name: string,
  base: BaseChain | undefined,
  rules: readonly RuleSpec[],
  ports: readonly string[],
): ChainPlan {
  const digest = createHash('sha224').update(name);
  for (const { expressions, comment = '' } of rules) {
    const bytes = encodeExpressions(expressions);
    digest.update(`${bytes.length} ${comment.length} ${comment}`).update(bytes);
  }
  const fingerprint = digest.digest('base64url').slice(0, 16);
  const tagged = rules.map(({ expressions, comment }, index) => ({
    expressions,
    comment: comment === undefined ? tagOf(fingerprint, index) : `${tagOf(fingerprint, index)}; ${comment}`,
  }));
  return { name, rules: tagged, ports, fingerprint, ...(base === undefined ? {} : { base }) };
}

/**
 * One kernel rule per combination of the matches' alternatives, so that any of them makes the action happen. `asked` comes
 * behind the matches, `then` behind the action.
 */
function renderRule(
  { matches, action, comment }: Rule,
  layer: Chain['layer'],
  context: ChainContext,
  asked: readonly Expression[],
  then: readonly Expression[],
  isCounted: boolean,
): RuleSpec[] {
  const isDisjoint = !isIdempotent(action);
  let combinations: readonly (readonly Expression[])[] = [[]];
  for (const match of matches) {
    const alternatives = renderMatch(match, context, isDisjoint);
    combinations = combinations.flatMap((prefix) => alternatives.map((suffix) => [...prefix, ...suffix]));
  }
  const counter: readonly Expression[] = isCounted ? [{ type: 'counter' }] : [];
  const effect = [...renderAction(action, layer, context), ...then];
  return combinations.map((expressions) => ({
    expressions: [...expressions, ...asked, ...counter, ...effect],
    ...(comment === undefined ? {} : { comment: plainText(comment) }),
  }));
}

/** Whether doing it twice to a packet is the same as doing it once. */
function isIdempotent(action: Action): boolean {
  return !['jump', 'log', 'flow-log', 'none'].includes(action.kind);
}

function renderAction(action: Action, layer: Chain['layer'], context: ChainContext): readonly Expression[] {
  switch (action.kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return [{ type: 'verdict', verdict: { kind: action.kind } }];
    case 'reject':
      return [{ type: 'reject', with: action.with ?? 'port-unreachable' }];
    case 'jump':
    case 'goto':
      return [{ type: 'verdict', verdict: { kind: action.kind, chain: chainNameInKernel(layer, action.chain) } }];
    case 'dispatch': {
      const map = mapNameInKernel(layer, action.map);
      const key = context.dispatchKey(map) === 'in-interface' ? 'iifname' : 'oifname';
      return [
        { type: 'meta', key, register: 1 },
        { type: 'verdict-map', set: map, register: 1 },
      ];
    }
    case 'look-up':
      return renderLookUp(action, layer, context.family);
    case 'set-dscp':
      return renderDscp(action.value, context.family);
    case 'set-mark':
      return [
        { type: 'meta', key: 'mark', register: 1 },
        { type: 'bitwise', register: 1, mask: hostWord(~action.mask >>> 0), xor: hostWord(action.value) },
        { type: 'meta-set', key: 'mark', register: 1 },
      ];
    case 'log':
      return [{ type: 'log', prefix: cut(`${action.prefix}: `, LOG_PREFIX_BYTES), level: LOG_LEVEL }];
    case 'flow-log':
      return [{ type: 'log', prefix: action.prefix, group: action.group }];
    case 'notrack':
      return [{ type: 'notrack' }];
    case 'masquerade': {
      const fullyRandom = action.fullyRandom === true ? { fullyRandom: true } : {};
      return action.ports === undefined
        ? [{ type: 'masquerade', ...fullyRandom }]
        : [...loadPorts(action.ports), { type: 'masquerade', port: { min: 2, max: 3 }, ...fullyRandom }];
    }
    case 'snat':
      return translate('snat', action.address, action.ports, context, action.fullyRandom);
    case 'dnat':
      return translate(
        'dnat',
        action.address,
        action.port === undefined ? undefined : { first: action.port, last: action.port },
        context,
      );
    case 'none':
      return [];
  }
}

/** As many whole characters as have so many bytes. */
function cut(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}

function loadPorts(ports: { readonly first: number; readonly last: number }): readonly Expression[] {
  return [
    { type: 'immediate', register: 2, value: portBytes(ports.first) },
    { type: 'immediate', register: 3, value: portBytes(ports.last) },
  ];
}

function translate(
  kind: 'snat' | 'dnat',
  address: Parameters<typeof ipToBytes>[0],
  ports: { readonly first: number; readonly last: number } | undefined,
  { family }: ChainContext,
  fullyRandom = false,
): readonly Expression[] {
  const load: Expression = { type: 'immediate', register: 1, value: ipToBytes(address) };
  const random = fullyRandom ? { fullyRandom } : {};
  const nat = { type: 'nat', kind, family: family === 4 ? 'ip' : 'ip6', address: 1, ...random } as const;
  return ports === undefined ? [load, nat] : [load, ...loadPorts(ports), { ...nat, port: { min: 2, max: 3 } }];
}

/** The six bits behind IPv4's header length (RFC 2474 3), or behind IPv6's version, in the header's first two bytes. */
function renderDscp(value: number, family: Family): readonly Expression[] {
  const header = { base: 'network', offset: 0, length: 2, register: 1 } as const;
  const shifted = family === 4 ? value << 2 : value << 6;
  const mask = family === 4 ? Uint8Array.of(0xff, 0x03) : Uint8Array.of(0xf0, 0x3f);
  return [
    { type: 'payload', ...header },
    { type: 'bitwise', register: 1, mask, xor: portBytes(shifted) },
    { type: 'payload-set', ...header, ...(family === 4 ? { checksum: 'internet-checksum' } : {}) },
  ];
}
