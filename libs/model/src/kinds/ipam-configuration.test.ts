import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, metadataOf, specOf } from '../testing/rules.ts';

describe('IPAMConfiguration', () => {
  describeRules(metadataOf('IPAMConfiguration'), {
    'its name is "default"': { accepts: [{ name: 'default' }], refuses: [[{ name: 'other' }, ['name']]] },
  });

  describeFields(specOf('IPAMConfiguration'), {
    strictAffinity: [
      [true, false],
      [1, 'yes'],
    ],
    autoAllocateBlocks: [[true, false], [0]],
    maxBlocksPerHost: [
      [0, 1_000_000],
      [-1, 1_000_001, '5'],
    ],
    kubeVirtVMAddressPersistence: [['Enabled', 'Disabled'], ['On']],
    ipCooldownSeconds: [
      [0, 1200],
      [-1, 1201],
    ],
  });

  it('is stored with the defaults of the CRD', () => {
    expect(parseResource(document('IPAMConfiguration', {})).spec).toEqual({
      strictAffinity: false,
      autoAllocateBlocks: true,
    });
    const given = { strictAffinity: true, autoAllocateBlocks: false };
    expect(parseResource(document('IPAMConfiguration', given)).spec).toEqual(given);
  });
});
