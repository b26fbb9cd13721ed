import type { Attributes } from '../attributes.ts';
import type { AttributeWriter } from '../attribute-writer.ts';
import { dataAttribute, verdictAttribute } from './numbers.ts';

/** What ends a rule: in a rule, or as the data of a verdict map. */
export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** NF_DROP, NF_ACCEPT and enum nft_verdicts. */
const code: Readonly<Record<Verdict['kind'], number>> = {
  drop: 0,
  accept: 1,
  continue: -1,
  jump: -3,
  goto: -4,
  return: -5,
};

/** Writes NFTA_DATA_VERDICT. */
export function writeVerdict(writer: AttributeWriter, verdict: Verdict): void {
  writer.nested(dataAttribute.verdict, (inner) => {
    inner.be32(verdictAttribute.code, code[verdict.kind] >>> 0);
    if (verdict.kind === 'jump' || verdict.kind === 'goto') inner.string(verdictAttribute.chain, verdict.chain);
  });
}

/** Reads NFTA_DATA_VERDICT; `undefined` for a verdict that we never write, such as a queue. */
export function readVerdict(verdict: Attributes): Verdict | undefined {
  const number = verdict.be32(verdictAttribute.code);
  if (number === undefined) return undefined;
  const chain = verdict.string(verdictAttribute.chain) ?? '';
  switch (number | 0) {
    case code.drop:
      return { kind: 'drop' };
    case code.accept:
      return { kind: 'accept' };
    case code.continue:
      return { kind: 'continue' };
    case code.return:
      return { kind: 'return' };
    case code.jump:
      return { kind: 'jump', chain };
    case code.goto:
      return { kind: 'goto', chain };
    default:
      return undefined;
  }
}
