import { describe } from 'vitest';
import { describeFields, describeRules, specOf } from '../testing/rules.ts';

const service = { name: 's' };

describe('Profile', () => {
  describeFields(specOf('Profile'), {
    labelsToApply: [
      [{}, { a: '', 'b.c/d': 'x' }, { 'pcns.projectcalico.org/name': 'y' }],
      [{ 'a/b/c': 'x' }, { a: 'not ok' }, { '': 'x' }, { a: 'x'.repeat(64) }, { a: 1 }],
    ],
  });

  describeRules(specOf('Profile'), {
    'rules are held to the rules of policies': {
      accepts: [
        { ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [1] } }], egress: [{ action: 'Pass' }] },
      ],
      refuses: [
        [{ ingress: [{ action: 'Allow', destination: { ports: [1] } }] }, ['ingress[0].destination.ports[0]']],
        [{ egress: [{ action: 'Allow', source: { services: service } }] }, ['egress[0].source.services']],
        [{ ingress: [{ action: 'Allow', destination: { services: service } }] }, ['ingress[0].destination.services']],
        [{ egress: [{ action: 'Allow', http: { methods: ['GET'] } }] }, ['egress[0].http']],
      ],
    },
  });
});
