import { strictCidr } from '../checks/nets.ts';
import { ruleNamespaceSelector, selectorWithoutGlobal } from '../checks/selectors.ts';
import { maxLength } from '../checks/names.ts';
import { list, map } from '../schema/containers.ts';
import { port, protocol } from '../schema/numorstring.ts';
import { int, oneOf, string, text } from '../schema/scalars.ts';
import type { Infer } from '../schema/schema.ts';
import { always, optional, pointer, struct, zeroable, type StructValue } from '../schema/struct.ts';
import { checkHttp, checkIcmp, checkIpVersion, checkNets, checkPorts } from './rule-checks.ts';

const MAX_NETS = 256;
const MAX_PORTS = 50;

const ruleSelector = text(maxLength(1024), selectorWithoutGlobal);
const ruleNet = text(strictCidr);
const notNet = text(strictCidr, (value) =>
  value === '0.0.0.0/0' || value === '::/0' ? 'must not exclude every address' : undefined,
);

export const serviceMatch = struct('ServiceMatch', {
  name: optional(string, { mandatory: true }),
  namespace: optional(string),
});

export const serviceAccountMatch = struct('ServiceAccountMatch', {
  names: optional(list(string)),
  selector: optional(text(selectorWithoutGlobal)),
});

/** What a rule says of one end of the traffic; every field that is set must match. */
export const entityRule = struct(
  'EntityRule',
  {
    nets: optional(list(ruleNet, { maxItems: MAX_NETS })),
    selector: optional(ruleSelector),
    namespaceSelector: optional(text(maxLength(1024), ruleNamespaceSelector)),
    services: pointer(serviceMatch),
    ports: optional(list(port, { maxItems: MAX_PORTS })),
    notNets: optional(list(notNet, { maxItems: MAX_NETS })),
    notSelector: optional(ruleSelector),
    notPorts: optional(list(port, { maxItems: MAX_PORTS })),
    serviceAccounts: pointer(serviceAccountMatch),
  },
  (entity, report) => {
    if (entity.services === undefined) return;
    for (const other of [
      'selector',
      'notSelector',
      'namespaceSelector',
      'nets',
      'notNets',
      'serviceAccounts',
    ] as const) {
      const value = entity[other];
      if (value !== undefined && !(Array.isArray(value) && value.length === 0))
        report([other], value, 'must not be used together with services');
    }
  },
);

export type EntityRule = Infer<typeof entityRule>;

const icmpFields = struct(
  'ICMPFields',
  { type: pointer(int(0, 254)), code: pointer(int(0, 255)) },
  ({ type, code }, report) => {
    if (code !== undefined && type === undefined) report(['code'], code, 'needs a type');
  },
);

const httpPath = struct(
  'HTTPPath',
  { exact: optional(string), prefix: optional(string) },
  ({ exact = '', prefix = '' }, report) => {
    if ((exact === '') === (prefix === '')) report([], { exact, prefix }, 'must have exactly one of exact and prefix');
    for (const [field, value] of Object.entries({ exact, prefix })) {
      if (value === '') continue;
      if (!value.startsWith('/')) report([field], value, 'must start with "/"');
      if (/[?# ]/.test(value)) report([field], value, 'must not contain "?", "#" or a space');
    }
  },
);

const httpMatch = struct('HTTPMatch', {
  methods: optional(list(string, { maxItems: 20, uniqueBy: (method) => method })),
  paths: optional(list(httpPath, { maxItems: 20 })),
});

const ruleMetadata = struct('RuleMetadata', { annotations: optional(map(string)) });

const ruleFields = {
  action: always(oneOf('Allow', 'Deny', 'Log', 'Pass'), { mandatory: true }),
  ipVersion: pointer(int()),
  protocol: pointer(protocol),
  icmp: pointer(icmpFields),
  notProtocol: pointer(protocol),
  notICMP: pointer(icmpFields),
  source: zeroable(entityRule),
  destination: zeroable(entityRule),
  http: pointer(httpMatch),
  metadata: pointer(ruleMetadata),
};

/** One rule of a policy or profile; the first that matches decides. */
export type Rule = StructValue<typeof ruleFields>;

export const rule = struct('Rule', ruleFields, checkIpVersion, checkPorts, checkIcmp, checkNets, checkHttp);

/** The most rules that a policy or profile has in each direction. */
export const MAX_RULES = 1024;

/** A list of rules, as policies and profiles have them. */
export const rules = list(rule, { maxItems: MAX_RULES });
