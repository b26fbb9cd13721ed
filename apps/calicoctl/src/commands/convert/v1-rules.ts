import type { V1Reader } from './v1-reader.ts';

/** A document of the v3 API, before it is checked. Undefined fields are not there. */
export type V3Object = Readonly<Record<string, unknown>>;

/** v1 named a pod's namespace by another label. */
export function convertSelector(selector: string): string {
  return selector.replaceAll('calico/k8s_ns', 'projectcalico.org/namespace');
}

/** Rules of a policy or profile; undefined where there are none. */
export function convertRules(rules: readonly V1Reader[]): readonly V3Object[] | undefined {
  return rules.length === 0 ? undefined : rules.map(convertRule);
}

function convertRule(rule: V1Reader): V3Object {
  const converted = {
    action: convertAction(rule),
    ipVersion: rule.number('ipVersion'),
    protocol: rule.protocol('protocol'),
    icmp: convertIcmp(rule, 'icmp'),
    notProtocol: rule.protocol('notProtocol'),
    notICMP: convertIcmp(rule, 'notICMP'),
    source: convertEntity(rule.inner('source')),
    destination: convertEntity(rule.inner('destination')),
  };
  rule.done();
  return converted;
}

const ACTIONS: ReadonlyMap<string, string> = new Map([
  ['', 'Allow'],
  ['allow', 'Allow'],
  ['deny', 'Deny'],
  ['log', 'Log'],
  ['pass', 'Pass'],
  ['next-tier', 'Pass'],
]);

function convertAction(rule: V1Reader): string {
  const text = rule.text('action') ?? '';
  const action = ACTIONS.get(text.toLowerCase());
  if (action === undefined) rule.report('action', `"${text}" is not known`);
  return action ?? text;
}

function convertIcmp(rule: V1Reader, field: string): V3Object | undefined {
  const icmp = rule.inner(field);
  const converted = { type: icmp.number('type'), code: icmp.number('code') };
  icmp.done();
  return converted.type === undefined && converted.code === undefined ? undefined : converted;
}

function convertEntity(entity: V1Reader): V3Object | undefined {
  const converted = {
    nets: nonEmpty([...entity.networks('nets'), ...optional(entity.network('net'))]),
    selector: withTag(entity.text('selector'), entity.text('tag')),
    ports: nonEmpty(entity.ports('ports')),
    notNets: nonEmpty([...entity.networks('notNets'), ...optional(entity.network('notNet'))]),
    notSelector: withTag(entity.text('notSelector'), entity.text('notTag')),
    notPorts: nonEmpty(entity.ports('notPorts')),
  };
  entity.done();
  return Object.values(converted).every((value) => value === undefined) ? undefined : converted;
}

/** A tag is a label without a value: profiles give it to their endpoints. */
function withTag(selector = '', tag = ''): string | undefined {
  const converted = convertSelector(selector);
  if (tag === '') return converted === '' ? undefined : converted;
  return converted === '' ? `${tag} == ''` : `(${converted}) && ${tag} == ''`;
}

function optional<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

/** The list; undefined where it is empty. */
export function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
