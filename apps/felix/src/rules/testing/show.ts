/** Rules as text, for golden tests and their messages. */
import type { Action, Chain, Match, Rule } from '../model.ts';

export function showChain({ layer, name, rules }: Chain): string {
  return [`${layer} ${name}`, ...rules.map((rule) => `  ${showRule(rule)}`)].join('\n');
}

export function showRule({ matches, action, comment }: Rule): string {
  return [...matches.map(showMatch), '=>', showAction(action), ...(comment === undefined ? [] : [`# ${comment}`])].join(
    ' ',
  );
}

function showMatch(match: Match): string {
  if (match.kind === 'reverse-path-failed') return match.kind;
  const { kind, negated, ...fields } = { negated: false, ...match };
  return `${negated ? '!' : ''}${kind}(${Object.values(fields).map(showField).join(' ')})`;
}

function showAction(action: Action): string {
  const { kind, ...fields } = action;
  const shown = Object.values(fields).map(showField);
  return shown.length === 0 ? kind : `${kind}(${shown.join(' ')})`;
}

function showField(value: unknown): string {
  if (typeof value === 'number' && value > 0xffff) return `0x${value.toString(16)}`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
