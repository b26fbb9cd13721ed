import { expect, test } from 'vitest';
import { rule } from '../../rules/build.ts';
import { drop, jump, matchMarked, matchUnmarked, returnToCaller } from '../../rules/matches.ts';
import type { Rule } from '../../rules/model.ts';
import { joinReturns } from './shorten-rules.ts';

const accept = 1;
const pass = 2;
const ask = (chain: string): Rule => rule([matchUnmarked(pass)], jump(chain));
const askBoth = (chain: string): Rule => rule([matchUnmarked(pass | accept)], jump(chain));
const leave = rule([matchMarked(accept)], returnToCaller, 'Return if policy accepted');
const end = rule([matchUnmarked(pass)], drop);

test('a chain that asks policies in a row looks after every fifth, and after the last', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  expect(joinReturns([...names.flatMap((name) => [ask(name), leave]), end])).toEqual([
    ask('a'),
    ...['b', 'c', 'd', 'e'].map(askBoth),
    leave,
    ask('f'),
    askBoth('g'),
    leave,
    end,
  ]);
});

test('what is between the questions stays', () => {
  const other = rule([matchUnmarked(pass)], drop);
  for (const rules of [
    [ask('a'), leave],
    [ask('a'), leave, ask('b')],
    [ask('a'), leave, other, ask('b'), leave],
    [ask('a'), leave, rule([], jump('b')), leave],
  ]) {
    expect(joinReturns(rules)).toEqual(rules);
  }
});
