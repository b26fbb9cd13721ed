import type { Attributes } from '../attributes.ts';
import type { AttributeWriter } from '../attribute-writer.ts';
import { dataAttribute, elementAttribute, elementFlag, expressionAttribute, LIST_ELEMENT } from './numbers.ts';
import { readVerdict, writeVerdict, type Verdict } from './verdict.ts';

/** The key of a set's element. */
export interface ElementKey {
  readonly key: Uint8Array;
  /** In interval sets: the element ends the interval before it and holds nothing itself. */
  readonly intervalEnd?: boolean;
  /** In concatenated interval sets: the last key of the interval that starts at `key`. */
  readonly keyEnd?: Uint8Array;
}

/** An element of a set, a map or a verdict map. */
export interface SetElement extends ElementKey {
  readonly verdict?: Verdict;
  readonly value?: Uint8Array;
  /** Counts the packets that the element is found for. */
  readonly isCounted?: boolean;
}

/** Below what fits a 16-bit attribute length, with room for the list's own header. */
const LIST_MAX_BYTES = 60_000;
/** More than an element can take: three keys of 64 bytes, a chain name of 255, headers. */
const ELEMENT_MAX_BYTES = 640;

/**
 * Writes NFTA_SET_ELEM_LIST_ELEMENTS: as many elements from `start` as fit one message. Returns the
 * index of the first that did not.
 */
export function writeElements(
  writer: AttributeWriter,
  attribute: number,
  elements: readonly SetElement[],
  start: number,
): number {
  let index = start;
  writer.nested(attribute, (list) => {
    const begin = list.length;
    for (; index < elements.length && list.length - begin < LIST_MAX_BYTES - ELEMENT_MAX_BYTES; index++) {
      const element = elements[index];
      if (element !== undefined)
        list.nested(LIST_ELEMENT, (inner) => {
          writeElement(inner, element);
        });
    }
  });
  return index;
}

function writeElement(writer: AttributeWriter, element: SetElement): void {
  writer.nested(elementAttribute.key, (key) => key.bytes(dataAttribute.value, element.key));
  const { keyEnd, verdict, value } = element;
  if (keyEnd !== undefined) writer.nested(elementAttribute.keyEnd, (key) => key.bytes(dataAttribute.value, keyEnd));
  if (element.intervalEnd === true) writer.be32(elementAttribute.flags, elementFlag.intervalEnd);
  if (verdict !== undefined)
    writer.nested(elementAttribute.data, (data) => {
      writeVerdict(data, verdict);
    });
  else if (value !== undefined) writer.nested(elementAttribute.data, (data) => data.bytes(dataAttribute.value, value));
  if (element.isCounted === true) {
    writer.nested(elementAttribute.expression, (expression) => {
      expression.string(expressionAttribute.name, 'counter');
      expression.nested(expressionAttribute.data, (data) => {
        data.be64(1, 0n).be64(2, 0n);
      });
    });
  }
}

/** Reads one element of a dump; `undefined` for a catch-all, which has no key. The values are copies. */
export function readElement(element: Attributes): SetElement | undefined {
  const key = element.nested(elementAttribute.key)?.bytes(dataAttribute.value);
  if (key === undefined) return undefined;
  const keyEnd = element.nested(elementAttribute.keyEnd)?.bytes(dataAttribute.value);
  const data = element.nested(elementAttribute.data);
  const verdictAttributes = data?.nested(dataAttribute.verdict);
  const verdict = verdictAttributes === undefined ? undefined : readVerdict(verdictAttributes);
  const value = data?.bytes(dataAttribute.value);
  const flags = element.be32(elementAttribute.flags) ?? 0;
  return {
    key: key.slice(),
    ...((flags & elementFlag.intervalEnd) === 0 ? {} : { intervalEnd: true }),
    ...(keyEnd === undefined ? {} : { keyEnd: keyEnd.slice() }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(value === undefined ? {} : { value: value.slice() }),
  };
}
