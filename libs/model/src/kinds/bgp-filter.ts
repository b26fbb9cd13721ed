import { netV4, netV6 } from '../checks/nets.ts';
import { interfacePattern, resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { int32, oneOf, text } from '../schema/scalars.ts';
import { noted, type ValueCheck } from '../schema/schema.ts';
import { always, optional, pointer, struct, type Report, type StructValue } from '../schema/struct.ts';
import { communityValue, routePriority } from './bgp-configuration.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const MAX_OPERATIONS = 10;
const MAX_PREPENDED = 10;

const operation = struct(
  'BGPFilterOperation',
  {
    addCommunity: pointer(
      struct('BGPFilterAddCommunity', {
        value: always(text(communityValue), { mandatory: true, description: 'The community.' }),
      }),
      'Adds a community.',
    ),
    prependASPath: pointer(
      struct('BGPFilterPrependASPath', {
        prefix: always(list(asNumber, { minItems: 1, maxItems: MAX_PREPENDED }), 'The AS numbers, first one first.'),
      }),
      'Puts AS numbers before the path.',
    ),
    setPriority: pointer(
      struct('BGPFilterSetPriority', { value: always(routePriority, { mandatory: true, description: 'The metric.' }) }),
      'Sets the kernel metric.',
    ),
  },
  noted('exactly one of addCommunity, prependASPath and setPriority', (operation: object, report: Report) => {
    const count = Object.values(operation).filter((value) => value !== undefined).length;
    if (count !== 1) report([], operation, 'must have exactly one of addCommunity, prependASPath and setPriority');
  }),
);

const tailFields = {
  source: optional(oneOf('RemotePeers'), 'Where the route comes from.'),
  interface: optional(text(interfacePattern), 'The interface that the route goes out of.'),
  matchOperator: optional(oneOf('Equal', 'NotEqual', 'In', 'NotIn'), "How the route's prefix is compared with cidr."),
  peerType: optional(oneOf('eBGP', 'iBGP'), 'The kind of session that the rule is for.'),
  communities: pointer(
    struct('BGPFilterCommunityMatch', {
      values: always(list(text(communityValue), { minItems: 1, maxItems: 1 }), 'The values.'),
    }),
    'Communities that the route carries.',
  ),
  asPathPrefix: optional(list(asNumber), "AS numbers that the route's path starts with."),
  priority: pointer(routePriority, 'The kernel metric of the route.'),
  action: always(oneOf('Accept', 'Reject'), {
    mandatory: true,
    description: 'What is done with a route that matches.',
  }),
  operations: optional(list(operation, { maxItems: MAX_OPERATIONS }), 'Changes to a route that is accepted.'),
};

function ruleFields(family: 4 | 6, check: ValueCheck<string>, maxLength: number) {
  return {
    cidr: optional(text(check), 'The network that a route is compared with.'),
    prefixLength: pointer(
      struct(
        `BGPFilterPrefixLengthV${family}`,
        { min: pointer(int32(0, maxLength), 'The shortest.'), max: pointer(int32(0, maxLength), 'The longest.') },
        noted(
          'min not greater than max',
          ({ min = 0, max = maxLength }: { min?: number | undefined; max?: number | undefined }, report: Report) => {
            if (min > max) report(['max'], max, 'must not be less than min');
          },
        ),
      ),
      'How long the prefix may be, of routes within cidr.',
    ),
    ...tailFields,
  };
}

type BGPFilterRule = StructValue<ReturnType<typeof ruleFields>>;

const checkRule = noted(
  'matchOperator exactly where there is a cidr; prefixLength only there; operations only with action Accept',
  checkBgpFilterRule,
);

const ruleV4 = struct('BGPFilterRuleV4', ruleFields(4, netV4, 32), checkRule);
const ruleV6 = struct('BGPFilterRuleV6', ruleFields(6, netV6, 128), checkRule);

function checkBgpFilterRule(
  { cidr = '', prefixLength, matchOperator, action, operations = [] }: BGPFilterRule,
  report: Report,
): void {
  const hasOperator = matchOperator !== undefined && (matchOperator as string) !== '';
  if (cidr === '' && hasOperator) report(['matchOperator'], matchOperator, 'needs a cidr');
  if (cidr !== '' && !hasOperator) report(['matchOperator'], matchOperator, 'is required where there is a cidr');
  if (cidr === '' && prefixLength !== undefined) report(['prefixLength'], prefixLength, 'needs a cidr');
  if (operations.length > 0 && action !== 'Accept')
    report(['operations'], operations, 'are only possible with action Accept');
}

export const bgpFilter = defineKind({
  kind: 'BGPFilter',
  name: resourceName,
  docs: {
    summary: 'Which routes BGP peers that name it get from us and give us.',
    example: {
      metadata: { name: 'no-private' },
      spec: {
        importV4: [
          { cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 8, max: 24 }, action: 'Accept' },
          { action: 'Reject' },
        ],
      },
    },
  },
  columns: {
    get: ['NAME', 'NUMEXPORTV4', 'NUMIMPORTV4', 'NUMEXPORTV6', 'NUMIMPORTV6'],
    cells: {
      NUMEXPORTV4: ({ spec }) => String(spec.exportV4?.length ?? 0),
      NUMIMPORTV4: ({ spec }) => String(spec.importV4?.length ?? 0),
      NUMEXPORTV6: ({ spec }) => String(spec.exportV6?.length ?? 0),
      NUMIMPORTV6: ({ spec }) => String(spec.importV6?.length ?? 0),
    },
  },
  body: {
    spec: always(
      struct('BGPFilterSpec', {
        exportV4: optional(list(ruleV4), 'IPv4 routes that are announced; the first rule that matches decides.'),
        importV4: optional(list(ruleV4), 'IPv4 routes that are learned.'),
        exportV6: optional(list(ruleV6), 'IPv6 routes that are announced.'),
        importV6: optional(list(ruleV6), 'IPv6 routes that are learned.'),
      }),
    ),
  },
});

export type BGPFilter = ResourceOfDefinition<typeof bgpFilter>;
