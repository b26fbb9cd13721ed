import { describe } from 'vitest';
import { describeFields, describeRules, metadataOf, specOf } from '../testing/rules.ts';

describe.each(['NetworkSet', 'GlobalNetworkSet'] as const)('%s', (kind) => {
  describeFields(specOf(kind), {
    nets: [
      [[], ['10.0.0.0/8', '10.0.0.1', 'fd00::/8', 'fd00::1'], ['0.0.0.0/0']],
      [['10.0.0.1/8'], ['fd00::1/8'], ['x'], [''], ['10.0.0.0/33'], '10.0.0.0/8', [8]],
    ],
  });

  describeRules(metadataOf(kind), {
    'the namespace\u2019s label is reserved': {
      accepts: [{ labels: { 'projectcalico.org/name': 'x' } }],
      refuses: [[{ labels: { 'projectcalico.org/namespace': 'x' } }, ['labels["projectcalico.org/namespace"]']]],
    },
  });
});
