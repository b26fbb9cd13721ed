import { describe, expect, it } from 'vitest';
import { decodeResource, encodeResource } from '../resource-codec.ts';
import { describeFields, describeRules, specOf } from '../testing/rules.ts';

const affinity = specOf('BlockAffinity', { state: 'confirmed', node: 'n', cidr: '10.0.0.0/26' });

describe('BlockAffinity', () => {
  describeRules(affinity, {
    'node is required': {
      accepts: [{ node: 'n' }],
      refuses: [
        [{ node: '' }, ['node']],
        [{ node: undefined }, ['node']],
      ],
    },
    'cidr is required, without host bits': {
      accepts: [{ cidr: 'fd00::/122' }],
      refuses: [
        [{ cidr: undefined }, ['cidr']],
        [{ cidr: '10.0.0.1/26' }, ['cidr']],
        [{ cidr: 'x' }, ['cidr']],
      ],
    },
    'deleted is not written': {
      accepts: [{ deleted: false }, { deleted: 'false' }, {}],
      refuses: [
        [{ deleted: true }, ['deleted']],
        [{ deleted: 'true' }, ['deleted']],
        [{ deleted: 'maybe' }, ['deleted']],
      ],
    },
  });

  describeFields(affinity, {
    state: [['confirmed', 'pending', 'pendingDeletion'], ['lost']],
    type: [['host', 'virtual', ''], ['node']],
  });

  it('stores deleted as text, and reads either form', () => {
    const read = (deleted: string): string =>
      encodeResource(
        decodeResource(
          'BlockAffinity',
          `{"metadata":{"name":"a"},"spec":{"state":"confirmed","node":"n","cidr":"10.0.0.0/26","deleted":${deleted}}}`,
          1n,
        ),
      );
    expect(read('"false"')).toContain('"deleted":"false"');
    expect(read('false')).toContain('"deleted":"false"');
    expect(read('"true"')).toContain('"deleted":"true"');
    expect(read('""')).toContain('"deleted":"false"');
  });
});
