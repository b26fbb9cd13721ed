import { netV4, netV6 } from '../checks/nets.ts';
import { interfacePattern, resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { int, int32, oneOf, text } from '../schema/scalars.ts';
import type { ValueCheck } from '../schema/schema.ts';
import { always, optional, pointer, struct, type Report, type StructValue } from '../schema/struct.ts';
import { communityValue, routePriority } from './bgp-configuration.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const MAX_OPERATIONS = 10;
const MAX_PREPENDED = 10;

const operation = struct(
  'BGPFilterOperation',
  {
    addCommunity: pointer(
      struct('BGPFilterAddCommunity', { value: always(text(communityValue), { mandatory: true }) }),
    ),
    prependASPath: pointer(
      struct('BGPFilterPrependASPath', { prefix: always(list(asNumber, { minItems: 1, maxItems: MAX_PREPENDED })) }),
    ),
    setPriority: pointer(struct('BGPFilterSetPriority', { value: always(int(1, 2_147_483_646), { mandatory: true }) })),
  },
  (operation, report) => {
    const count = Object.values(operation).filter((value) => value !== undefined).length;
    if (count !== 1) report([], operation, 'must have exactly one of addCommunity, prependASPath and setPriority');
  },
);

const tailFields = {
  source: optional(oneOf('RemotePeers')),
  interface: optional(text(interfacePattern)),
  matchOperator: optional(oneOf('Equal', 'NotEqual', 'In', 'NotIn')),
  peerType: optional(oneOf('eBGP', 'iBGP')),
  communities: pointer(
    struct('BGPFilterCommunityMatch', { values: always(list(text(communityValue), { minItems: 1, maxItems: 1 })) }),
  ),
  asPathPrefix: optional(list(asNumber)),
  priority: routePriority,
  action: always(oneOf('Accept', 'Reject'), { mandatory: true }),
  operations: optional(list(operation, { maxItems: MAX_OPERATIONS })),
};

function ruleFields(family: 4 | 6, check: ValueCheck<string>, maxLength: number) {
  return {
    cidr: optional(text(check)),
    prefixLength: pointer(
      struct(
        `BGPFilterPrefixLengthV${family}`,
        { min: pointer(int32(0, maxLength)), max: pointer(int32(0, maxLength)) },
        ({ min = 0, max = maxLength }, report) => {
          if (min > max) report(['max'], max, 'must not be less than min');
        },
      ),
    ),
    ...tailFields,
  };
}

type BGPFilterRule = StructValue<ReturnType<typeof ruleFields>>;

const ruleV4 = struct('BGPFilterRuleV4', ruleFields(4, netV4, 32), checkRule);
const ruleV6 = struct('BGPFilterRuleV6', ruleFields(6, netV6, 128), checkRule);

function checkRule(
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
  plural: 'bgpfilters',
  shortNames: ['bgpf', 'bgpfs', 'bf', 'bfs'],
  name: resourceName,
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
        exportV4: optional(list(ruleV4)),
        importV4: optional(list(ruleV4)),
        exportV6: optional(list(ruleV6)),
        importV6: optional(list(ruleV6)),
      }),
    ),
  },
});

export type BGPFilter = ResourceOfDefinition<typeof bgpFilter>;
