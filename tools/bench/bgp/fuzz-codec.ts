import { isDeepStrictEqual } from 'node:util';
import {
  decodeAttributes,
  decodeNotification,
  decodeOpen,
  decodeRouteRefresh,
  decodeUpdate,
  describeNotification,
  encodeAttributes,
  headerLength,
  messageType,
  nlriToArray,
  PlainAttributes,
  PlainUpdate,
  readFrame,
  readPlainUpdate,
  scanPlainAttributes,
  type PathAttributes,
  type UpdateContext,
} from '@calico-node/bgp';
import { Hostile } from './hostile.ts';

export interface CodecOutcome {
  readonly inputs: number;
  readonly frameErrors: number;
  readonly resets: number;
  readonly treatedAsWithdrawn: number;
  readonly understood: number;
  readonly plain: number;
}

type Counts = { -readonly [K in keyof CodecOutcome]: number };

/** Feeds damaged messages to every decoder. @throws Error for what does not hold, with the input. */
export function fuzzCodec(inputs: number, seed: number): CodecOutcome {
  const hostile = new Hostile(seed);
  const counts: Counts = { inputs, frameErrors: 0, resets: 0, treatedAsWithdrawn: 0, understood: 0, plain: 0 };
  for (let input = 0; input < inputs; input++) {
    const bytes = hostile.damaged(hostile.message(), hostile.below(10) === 0 ? 0 : headerLength);
    try {
      one(bytes, hostile, counts);
    } catch (error) {
      const hex = Buffer.from(bytes).toString('hex');
      throw new Error(`input ${input} of seed ${seed}: ${hex}`, { cause: error });
    }
  }
  return counts;
}

function one(bytes: Uint8Array, hostile: Hostile, counts: Counts): void {
  const frame = readFrame(bytes, 0, bytes.length, hostile.below(2) === 0);
  if (frame.kind !== 'message') {
    counts.frameErrors++;
    return;
  }
  const { type, end } = frame;
  if (type === messageType.open) decodeOpen(bytes, headerLength, end);
  else if (type === messageType.notification) describeNotification(decodeNotification(bytes, headerLength, end));
  else if (type === messageType.routeRefresh) decodeRouteRefresh(bytes, headerLength, end);
  else if (type === messageType.update) update(bytes, end, hostile, counts);
}

function update(bytes: Uint8Array, end: number, hostile: Hostile, counts: Counts): void {
  const context: UpdateContext = {
    as4: hostile.below(4) > 0,
    external: hostile.below(2) === 0,
    families: [4, 6],
    addPath: hostile.below(4) === 0 ? [4] : [],
  };
  const result = decodeUpdate(bytes, headerLength, end, context);
  if (result.kind === 'reset') {
    counts.resets++;
    return;
  }
  if (result.problems.some(({ action }) => action === 'withdraw')) counts.treatedAsWithdrawn++;
  else counts.understood++;
  for (const block of result.withdrawn) nlriToArray(block);
  for (const { block, attributes } of result.announced) {
    nlriToArray(block);
    survives(attributes, context);
  }
  const plain = new PlainUpdate();
  if (!context.as4 || context.addPath.length > 0 || !readPlainUpdate(bytes, headerLength, end, plain)) return;
  const { attributesStart, attributesEnd } = plain;
  if (attributesEnd === attributesStart) return;
  if (!scanPlainAttributes(bytes, attributesStart, attributesEnd, context.external, new PlainAttributes())) return;
  counts.plain++;
  if (result.problems.length > 0) throw new Error('a plain list with problems');
}

/** What was understood is what it is encoded as. */
function survives(attributes: PathAttributes, { external }: UpdateContext): void {
  const bytes = encodeAttributes(attributes, { as4: true, withNextHop: false });
  const again = decodeAttributes(bytes, 0, bytes.length, { as4: true, external, families: [4, 6], addPath: [] });
  const { nextHop: _nextHop, linkLocalNextHop: _linkLocal, ...rest } = attributes;
  // Who passes on what he does not know marks it so.
  const unknown = rest.unknown?.map((one) => ({ ...one, flags: one.flags | 0x20 }));
  const expected = unknown === undefined ? rest : { ...rest, unknown };
  if (again.kind !== 'decoded' || again.problems.length > 0 || !isDeepStrictEqual(again.attributes, expected)) {
    throw new Error(
      `not the same again: ${JSON.stringify([expected, again], (_key, value: unknown) => String(value))}`,
    );
  }
}
