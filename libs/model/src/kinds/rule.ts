import { strictCidr } from '../checks/nets.ts';
import { tryParseCidr } from '@calico-node/net';
import { ruleNamespaceSelector, selectorWithoutGlobal } from '../checks/selectors.ts';
import { annotationKey, maxLength } from '../checks/names.ts';
import { list, map } from '../schema/containers.ts';
import { port, protocol } from '../schema/numorstring.ts';
import { int, oneOf, string, text } from '../schema/scalars.ts';
import { noted, type Infer } from '../schema/schema.ts';
import { always, optional, pointer, struct, zeroable, type Report, type StructValue } from '../schema/struct.ts';
import { annotationSize } from './object-meta.ts';
import { checkHttp, checkIcmp, checkIpVersion, checkNets, checkPorts } from './rule-checks.ts';

const MAX_NETS = 256;
const MAX_PORTS = 50;

const ruleSelector = text(maxLength(1024), selectorWithoutGlobal);
const ruleNet = text(strictCidr);
const notNet = text(
  strictCidr,
  noted('not of every address', (value: string) =>
    tryParseCidr(value) !== undefined && /\/0+$/.test(value) ? 'must not exclude every address' : undefined,
  ),
);

export const serviceMatch = struct('ServiceMatch', {
  name: optional(string, { mandatory: true, description: "The service's name." }),
  namespace: optional(string, { unset: "the policy's own", description: "The service's namespace." }),
});

export const serviceAccountMatch = struct('ServiceAccountMatch', {
  names: optional(list(string), 'Their names.'),
  selector: optional(text(selectorWithoutGlobal), 'Their labels.'),
});

const NOT_WITH_SERVICES = [
  'selector',
  'notSelector',
  'namespaceSelector',
  'nets',
  'notNets',
  'serviceAccounts',
] as const;

type ServiceRule = { readonly services?: unknown } & Partial<Record<(typeof NOT_WITH_SERVICES)[number], unknown>>;

/** What a rule says of one end of the traffic; every field that is set must match. */
export const entityRule = struct(
  'EntityRule',
  {
    nets: optional(list(ruleNet, { maxItems: MAX_NETS }), 'Networks that the address is in.'),
    selector: optional(ruleSelector, 'Endpoints and network sets that it is.'),
    namespaceSelector: optional(text(maxLength(1024), ruleNamespaceSelector), {
      unset: "the policy's own namespace",
      description: 'Namespaces of those endpoints; `global()` for ones in none.',
    }),
    services: pointer(serviceMatch, 'A service that it belongs to.'),
    ports: optional(list(port, { maxItems: MAX_PORTS }), 'Ports.'),
    notNets: optional(list(notNet, { maxItems: MAX_NETS }), 'Networks that it is not in.'),
    notSelector: optional(ruleSelector, 'Endpoints and network sets that it is not.'),
    notPorts: optional(list(port, { maxItems: MAX_PORTS }), 'Ports that it is not.'),
    serviceAccounts: pointer(serviceAccountMatch, 'Service accounts that it runs under.'),
  },
  noted(`services not together with ${NOT_WITH_SERVICES.join(', ')}`, (entity: ServiceRule, report: Report) => {
    if (entity.services === undefined) return;
    for (const other of NOT_WITH_SERVICES) {
      const value = entity[other];
      const isGiven = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== '';
      if (isGiven) report([other], value, 'must not be used together with services');
    }
  }),
);

export type EntityRule = Infer<typeof entityRule>;

const icmpFields = struct(
  'ICMPFields',
  { type: pointer(int(0, 254), 'The type.'), code: pointer(int(0, 255), 'The code.') },
  noted(
    'code only with type',
    ({ type, code }: { type?: number | undefined; code?: number | undefined }, report: Report) => {
      if (code !== undefined && type === undefined) report(['code'], code, 'needs a type');
    },
  ),
);

const PATH_RULE = 'exactly one of exact and prefix, which starts with "/" and holds no "?", "#" or space';

interface PathMatch {
  readonly exact?: string | undefined;
  readonly prefix?: string | undefined;
}

const httpPath = struct(
  'HTTPPath',
  { exact: optional(string, 'The whole path.'), prefix: optional(string, "The path's beginning.") },
  noted(PATH_RULE, ({ exact = '', prefix = '' }: PathMatch, report: Report) => {
    if ((exact === '') === (prefix === '')) report([], { exact, prefix }, 'must have exactly one of exact and prefix');
    for (const [field, value] of Object.entries({ exact, prefix })) {
      if (value === '') continue;
      if (!value.startsWith('/')) report([field], value, 'must start with "/"');
      if (/[?# ]/.test(value)) report([field], value, 'must not contain "?", "#" or a space');
    }
  }),
);

const httpMatch = struct('HTTPMatch', {
  methods: optional(list(string, { maxItems: 20, uniqueBy: (method) => method }), 'Methods to match.'),
  paths: optional(list(httpPath, { maxItems: 20 }), 'Paths to match.'),
});

const ruleMetadata = struct(
  'RuleMetadata',
  { annotations: optional(map(string, { key: annotationKey }), 'Key and value pairs.') },
  annotationSize,
);

const ruleFields = {
  action: always(oneOf('Allow', 'Deny', 'Log', 'Pass'), {
    mandatory: true,
    description: 'What is done with traffic that matches.',
  }),
  ipVersion: pointer(int(), { unset: 'both', description: 'The IP version that the rule is for.' }),
  protocol: pointer(protocol, 'The protocol to match.'),
  icmp: pointer(icmpFields, 'The ICMP message to match.'),
  notProtocol: pointer(protocol, 'The protocol not to match.'),
  notICMP: pointer(icmpFields, 'The ICMP message not to match.'),
  source: zeroable(entityRule, 'Where the traffic comes from.'),
  destination: zeroable(entityRule, 'Where it goes to.'),
  http: pointer(httpMatch, 'The HTTP request to match, where an application layer proxy enforces policy.'),
  metadata: pointer(ruleMetadata, "Annotations that are put into the kernel's rules as comments."),
};

/** One rule of a policy or profile; the first that matches decides. */
export type Rule = StructValue<typeof ruleFields>;

export const rule = struct(
  'Rule',
  ruleFields,
  noted('ipVersion 4 or 6', checkIpVersion),
  noted('ports only with protocol TCP, UDP or SCTP; without a protocol, named ports only', checkPorts),
  noted('icmp only with protocol ICMP or ICMPv6, as ipVersion has it; notICMP with no other protocol', checkIcmp),
  noted('all networks of one IP version, that of ipVersion where it is set', checkNets),
  noted('http only with action Allow, in ingress rules, with protocol TCP or none', checkHttp),
);

/** The most rules that a policy or profile has in each direction. */
export const MAX_RULES = 1024;

/** A list of rules, as policies and profiles have them. */
export const rules = list(rule, { maxItems: MAX_RULES });
