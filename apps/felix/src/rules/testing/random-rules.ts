/** Random policy rules: every field of a rule, in every form that a store may hold. */
import type { Rule } from '@calico-node/model';
import fc from 'fast-check';

/** Mostly absent, so that rules match something. */
export const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** The value without the fields that are undefined. */
export const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

/** Values of labels `a` and `b` mostly, and names that mean something else to JavaScript. */
export const labels = fc.dictionary(
  fc.constantFrom('a', 'a', 'a', 'b', 'b', 'b', 'A', 'constructor'),
  fc.constantFrom('1', '1', '2', '2', ''),
  { maxKeys: 2 },
);

export const selector = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'all()',
      'a == "1"',
      'a != "1"',
      'has(b)',
      '!has(a)',
      'a == "1" && b == "2"',
      'a == "1" || b in {"1"}',
    ),
  },
  fc.constantFrom(
    'a contains ""',
    'a starts with "1"',
    "b ends with '2'",
    'a in {}',
    'a not in {"1", "2"}',
    '!(a == "1" || !has(b))',
    'has(constructor)',
    'A == ""',
    'a == "é"',
    'projectcalico.org/namespace == "default"',
    'projectcalico.org/serviceaccount in {"sa1", "sa2"}',
    'pcns.env == "prod" || has(pcsa.team)',
    '(all())',
  ),
);

/** More than iptables takes in one match, some of them within others. */
const manyPorts = [...Array.from({ length: 13 }, (_, index) => 9000 + index), '40:80', '50:60', 443, '1999:2001', 53];
const numberedPorts = fc.constantFrom(80, 443, '1000:2000', '80:80', 53, '1:65535', '2000:8080');
const ports = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.uniqueArray(fc.constantFrom(80, 443, '1000:2000', 'http', 'dns'), { minLength: 1, maxLength: 3 }),
  },
  fc.uniqueArray(numberedPorts, { minLength: 1, maxLength: 3 }),
  fc.constantFrom(manyPorts, [...manyPorts, 'http']),
);
const namedPorts = fc.uniqueArray(fc.constantFrom('http', 'dns', 'diameter', 'none'), { minLength: 1 });

export const netsOf = {
  4: ['10.0.0.1/32', '10.0.0.0/30', '10.0.0.0/16', '192.168.0.0/16'],
  6: ['fd00::1/128', 'fd00::/126', 'fd00::/16'],
};
/** Few refuse it: the API no longer takes that. */
const everything = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** Which families' networks a rule names. The API takes rules of one family alone; stores may hold others. */
type NamedFamilies = 4 | 6 | 'both';

const nets = (family: NamedFamilies, everyNth: number): fc.Arbitrary<string[]> =>
  fc
    .tuple(
      fc.subarray(family === 'both' ? [...netsOf[4], ...netsOf[6]] : netsOf[family], { minLength: 1, maxLength: 3 }),
      fc.nat(everyNth).map((n) => n === 0),
    )
    .map(([some, all]) => (all ? [...some, everything[family === 6 ? 6 : 4]] : some));

const serviceAccounts = fc.constantFrom(
  { names: ['sa1'] },
  { names: ['sa1', 'sa2'] },
  { selector: 'team == "x"' },
  { selector: 'all()' },
  { names: ['sa1'], selector: 'has(team)' },
  {},
);

/** Some forms of what says nothing, as older releases stored them. */
const nothing = fc.constantFrom({}, { nets: [] }, { selector: '' }, { ports: [], notPorts: [] });

const entity = (family: NamedFamilies, portLists: fc.Arbitrary<(string | number)[]> | undefined) =>
  fc.oneof(
    {
      weight: 19,
      arbitrary: fc
        .record({
          nets: maybe(nets(family, 9)),
          notNets: maybe(nets(family, 30)),
          selector: fc.option(selector, { nil: undefined, freq: 3 }),
          notSelector: maybe(selector),
          namespaceSelector: maybe(
            fc.constantFrom('all()', 'global()', 'env == "prod"', '!has(env)', 'env == "prod" || !has(env)'),
          ),
          serviceAccounts: maybe(serviceAccounts),
          ports: portLists === undefined ? fc.constant(undefined) : fc.option(portLists, { nil: undefined, freq: 2 }),
          notPorts: portLists === undefined ? fc.constant(undefined) : maybe(portLists),
        })
        .map(present),
    },
    nothing,
  );

const action = fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const, 'Pass' as const, 'Log' as const);

/** What does not change whom a rule is about: Felix leaves HTTP to others, and annotations to readers. */
const asides = fc.oneof(
  { weight: 9, arbitrary: fc.constant({}) },
  fc.constantFrom(
    { metadata: { annotations: { why: 'quotes " and \' and\nnew lines, `$(x)` % é' } } },
    { metadata: { annotations: { long: 'x'.repeat(600), 'example.com/other': '\\' } } },
    { http: { methods: ['GET'], paths: [{ exact: '/x' }] } },
  ),
);

const families = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom<NamedFamilies>(4, 6) },
  fc.constant<NamedFamilies>('both'),
);
const ipVersionOf = (family: NamedFamilies) => fc.constantFrom(...(family === 'both' ? [4, 6] : [family]));

const ruleOf = (family: NamedFamilies) =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        action,
        ipVersion: maybe(ipVersionOf(family)),
        protocol: fc.constantFrom('TCP', 'UDP', 17, '6', 'SCTP', 'tcp'),
        notProtocol: maybe(fc.constantFrom('TCP', 'ICMP', 132)),
        source: entity(family, ports),
        destination: entity(family, ports),
      }),
    },
    fc.record({
      action,
      notProtocol: maybe(fc.constantFrom('TCP', 'ICMP', 'ICMPv6', 'SCTP', 47)),
      notICMP: maybe(fc.constantFrom({ type: 8 }, { type: 128, code: 1 }, {})),
      source: entity(family, namedPorts),
      destination: entity(family, namedPorts),
    }),
    fc.record({
      action,
      protocol: fc.constantFrom('ICMP', 'ICMPv6', 1, 58),
      icmp: maybe(fc.constantFrom({ type: 8 }, { type: 128 }, { type: 8, code: 0 }, { type: 8, code: 1 }, {})),
      notICMP: maybe(fc.constantFrom({ type: 8 }, { type: 128, code: 0 })),
      source: entity(family, undefined),
      destination: entity(family, undefined),
    }),
    fc.record({
      action,
      protocol: fc.constantFrom('UDPLite', 4, 47, '47', 253, 255),
      notProtocol: maybe(fc.constant(47)),
      source: entity(family, undefined),
      destination: entity(family, undefined),
    }),
    fc.record({ action, ipVersion: maybe(ipVersionOf(family)), notICMP: maybe(fc.constant({ type: 8 })) }),
    fc.record({ action }),
  );

/** A rule as stored. */
export const rule: fc.Arbitrary<Rule> = families.chain((family) =>
  fc.tuple(ruleOf(family), asides).map(([fields, aside]) => present({ ...fields, ...aside })),
);

const service = fc.constantFrom(
  { name: 'web', namespace: 'default' },
  { name: 'web' },
  { name: 'db', namespace: 'other' },
  { name: 'none', namespace: 'default' },
);

/** Only who sends may be named by a service in ingress rules, and then its ports too. */
const fromService = fc
  .record({ action, protocol: fc.constantFrom('TCP', 'UDP', undefined), services: service, ports: maybe(ports) })
  .map(({ action: own, protocol, services, ports: listed }): Rule => {
    const numbered = protocol === undefined ? undefined : listed;
    return present({ action: own, protocol, source: present({ services, ports: numbered }) });
  });

/** Only who receives may be named by a service in egress rules. */
const toService = fc
  .record({ action, protocol: maybe(fc.constantFrom('TCP', 'UDP')), services: service, ports: maybe(ports) })
  .map(({ action: own, protocol, services, ports: listed }): Rule => {
    const source = protocol === undefined || listed === undefined ? undefined : { ports: listed };
    return present({ action: own, protocol, source, destination: { services } });
  });

export const rules = fc.array(rule, { maxLength: 3 });
export const ingressRules = fc
  .tuple(rules, maybe(fromService))
  .map(([others, own]) => (own === undefined ? others : [own, ...others]));
export const egressRules = fc
  .tuple(rules, maybe(toService))
  .map(([others, own]) => (own === undefined ? others : [own, ...others]));
