import { describe } from 'vitest';
import { describeFields, describeRules, metadataOf, specOf } from '../testing/rules.ts';

describe('ClusterInformation', () => {
  describeRules(metadataOf('ClusterInformation'), {
    'its name is "default"': {
      accepts: [{ name: 'default' }],
      refuses: [
        [{ name: 'other' }, ['name']],
        [{ name: 'node.a' }, ['name']],
      ],
    },
  });

  describeFields(specOf('ClusterInformation'), {
    clusterGUID: [['', '0123456789abcdef0123456789abcdef'], [5]],
    clusterType: [['k8s,bgp'], [['k8s']]],
    calicoVersion: [['v3.32.1'], [3.32]],
    datastoreReady: [[true, false], ['true']],
    variant: [['Calico'], [true]],
  });
});
