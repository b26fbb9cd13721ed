/**
 * A policy's rules, with look-ups in place of runs of rules that differ in their keys alone.
 *
 * The order of rules is kept: a box that an earlier rule of the run has taken whole is left out, and one that an earlier
 * rule has taken in part begins the next look-up, which is asked after this one.
 */
import type { Family } from '@calico-node/net';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { BoxSet } from './box-set.ts';
import { chain, rule } from './build.ts';
import { boxesOf, type RuleBoxes } from './key-box.ts';
import { reject, setMarks } from './matches.ts';
import type { Action, Chain, KeyField, Layer, LookUpEntry, Rule } from './model.ts';
import { chainNames } from './names.ts';
import type { RuleOptions } from './options.ts';
import { renderPolicyRule } from './policy-rules.ts';
import { denyAction } from './verdicts.ts';

/** Fewer entries than this are as quick as rules. */
const minEntries = 4;
/** What one look-up may hold: more begin another. */
const maxEntries = 4096;

interface Run {
  readonly fields: readonly KeyField[];
  readonly boxes: BoxSet;
  readonly entries: LookUpEntry[];
  readonly rules: ParsedRule[];
}

/**
 * The rules for a policy's rules, in order, where the options allow it with look-ups. With `flowLogOf` each rule tells of
 * its own packets, which those of a look-up could not.
 */
export function renderPolicyRules(
  parsed: readonly ParsedRule[],
  family: Family,
  options: RuleOptions,
  layer: Layer,
  flowLogOf?: (parsed: ParsedRule, index: number) => Action,
): readonly Rule[] {
  if (flowLogOf !== undefined)
    return parsed.flatMap((each, index) => renderPolicyRule(each, family, options, layer, flowLogOf(each, index)));
  const plain = (each: ParsedRule): readonly Rule[] => renderPolicyRule(each, family, options, layer);
  if (!options.verdictMaps) return parsed.flatMap(plain);
  const rendered: Rule[] = [];
  let run: Run | undefined;
  const finish = (): void => {
    if (run === undefined) return;
    const { fields, entries, rules } = run;
    if (entries.length >= minEntries) rendered.push(rule([], { kind: 'look-up', fields, entries }));
    else rendered.push(...rules.flatMap(plain));
    run = undefined;
  };
  for (const each of parsed) {
    const verdict = verdictOf(each.action, options, layer);
    const keys = verdict === undefined ? undefined : boxesOf(each, family);
    if (verdict === undefined || keys === undefined) {
      finish();
      rendered.push(...plain(each));
      continue;
    }
    if (keys.boxes.length === 0) continue;
    if (run === undefined || !takes(run, keys, verdict)) {
      finish();
      run = { fields: keys.fields, boxes: new BoxSet(), entries: [], rules: [] };
      takes(run, keys, verdict);
    }
    run.rules.push(each);
  }
  finish();
  return rendered;
}

/** The chains that entries lead to. */
export function renderVerdictChains(options: RuleOptions): readonly Chain[] {
  if (!options.verdictMaps) return [];
  const { accept, pass } = options.marks;
  return [
    ...(['raw', 'mangle', 'filter'] as const).flatMap((layer) => [
      chain(layer, chainNames.setAccept, [rule([], setMarks(accept))]),
      chain(layer, chainNames.setPass, [rule([], setMarks(pass))]),
    ]),
    chain('filter', chainNames.reject, [rule([], reject)]),
  ];
}

function verdictOf(
  action: ParsedRule['action'],
  options: RuleOptions,
  layer: Layer,
): LookUpEntry['verdict'] | undefined {
  switch (action) {
    case 'allow':
      return { kind: 'goto', chain: chainNames.setAccept };
    case 'pass':
      return { kind: 'goto', chain: chainNames.setPass };
    case 'deny':
      return denyAction(options, layer).kind === 'drop' ? { kind: 'drop' } : { kind: 'goto', chain: chainNames.reject };
    case 'log':
      return undefined;
  }
}

/** Adds the rule's boxes to the run, all or none; gives whether it could. */
function takes(run: Run, { fields, boxes }: RuleBoxes, verdict: LookUpEntry['verdict']): boolean {
  if (fields.join() !== run.fields.join() || run.entries.length + boxes.length > maxEntries) return false;
  const found = boxes.map((parts) => ({ parts, state: run.boxes.test(parts) }));
  if (found.some(({ state }) => state === 'overlapping')) return false;
  for (const { parts, state } of found) {
    if (state === 'covered') continue;
    run.boxes.add(parts);
    run.entries.push({ parts, verdict });
  }
  return true;
}
