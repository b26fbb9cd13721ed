import type { KeyField, KeyPart, Match, Rule } from '../../rules/model.ts';

/** A `look-up` as a rule per entry: no packet is in two of them, so their order does not matter. */
export function expandLookUp(rule: Rule): readonly Rule[] {
  const { action, matches } = rule;
  if (action.kind !== 'look-up') return [rule];
  return action.entries.map(({ parts, verdict }) => ({
    ...rule,
    matches: [...matches, ...parts.flatMap((part, index) => matchOf(part, action.fields[index]))],
    action: verdict,
  }));
}

function matchOf(part: KeyPart, field: KeyField | undefined): readonly Match[] {
  const side = field === 'source' || field === 'source-port' ? 'source' : 'destination';
  switch (part.kind) {
    case 'protocol':
      return [{ kind: 'protocol', protocol: part.protocol, negated: false }];
    case 'net':
      return [{ kind: 'net', side, cidr: part.cidr, negated: false }];
    case 'ports': {
      const isAny = part.first === 0 && part.last === 0xffff;
      return isAny ? [] : [{ kind: 'ports', side, ranges: [{ first: part.first, last: part.last }], negated: false }];
    }
  }
}
