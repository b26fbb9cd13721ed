import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, metadataOf, specOf, type Subject } from '../testing/rules.ts';

const controllers = { controllers: {} };

function inNode(given: object): object {
  return document('KubeControllersConfiguration', { controllers: { node: given } });
}

const nodeController: Subject = { document: inNode, path: 'spec.controllers.node' };
const hostEndpoint: Subject = {
  document: (given) => inNode({ hostEndpoint: given }),
  path: 'spec.controllers.node.hostEndpoint',
};
const template: Subject = {
  document: (given) =>
    inNode({ hostEndpoint: { templates: [{ generateName: 'a', interfacePattern: 'eth.*', ...given }] } }),
  path: 'spec.controllers.node.hostEndpoint.templates[0]',
};

describe('KubeControllersConfiguration', () => {
  describeRules(metadataOf('KubeControllersConfiguration', controllers), {
    'its name is "default"': { accepts: [{ name: 'default' }], refuses: [[{ name: 'other' }, ['name']]] },
  });

  describeFields(specOf('KubeControllersConfiguration', controllers), {
    logSeverityScreen: [
      ['None', 'Debug', 'Info', 'Warning', 'Error', 'Fatal', 'Panic'],
      ['Trace', 'info'],
    ],
    healthChecks: [['Enabled', 'Disabled'], ['On']],
    etcdV3CompactionPeriod: [
      ['10m', '0'],
      ['10', 600],
    ],
    prometheusMetricsPort: [
      [0, 9094, 65535],
      [-1, 65536, '9094'],
    ],
    debugProfilePort: [
      [0, 65535],
      [-1, 65536],
    ],
    controllers: [
      [
        {},
        { policy: { reconcilerPeriod: '5m' }, workloadEndpoint: { reconcilerPeriod: '5m' } },
        { serviceAccount: { reconcilerPeriod: '5m' }, namespace: { reconcilerPeriod: '5m' } },
        { loadBalancer: { assignIPs: 'AllServices' } },
        { loadBalancer: { assignIPs: 'RequestedServicesOnly' } },
        { migration: { policyNameMigrator: 'Enabled' } },
        { migration: { policyNameMigrator: 'Disabled' } },
      ],
      [
        { policy: { reconcilerPeriod: 5 } },
        { workloadEndpoint: { reconcilerPeriod: 'x' } },
        { serviceAccount: { reconcilerPeriod: 'x' } },
        { namespace: { reconcilerPeriod: 'x' } },
        { loadBalancer: { assignIPs: 'None' } },
        { migration: { policyNameMigrator: 'Later' } },
        { other: {} },
      ],
    ],
  });

  describeFields(nodeController, {
    reconcilerPeriod: [['5m'], ['x']],
    syncLabels: [['Enabled', 'Disabled'], ['yes']],
    leakGracePeriod: [['15m', '0s'], [15]],
  });

  describeFields(hostEndpoint, {
    autoCreate: [['Enabled', 'Disabled'], ['yes']],
    createDefaultHostEndpoint: [['Enabled', 'Disabled'], ['yes']],
  });

  describeRules(hostEndpoint, {
    'templates have different names': {
      accepts: [{ templates: ['a', 'b'].map((generateName) => ({ generateName, interfacePattern: 'x' })) }],
      refuses: [
        [{ templates: ['a', 'a'].map((generateName) => ({ generateName, interfacePattern: 'x' })) }, ['templates[1]']],
      ],
    },
  });

  describeRules(template, {
    'generateName is required': {
      accepts: [{ generateName: 'a' }],
      refuses: [
        [{ generateName: undefined }, ['generateName']],
        [{ generateName: '' }, ['generateName']],
      ],
    },
    'interfaceCIDRs or interfacePattern is there': {
      accepts: [{ interfaceCIDRs: ['10.0.0.0/8'], interfacePattern: undefined }, { interfaceCIDRs: ['10.0.0.0/8'] }],
      refuses: [
        [{ interfacePattern: undefined }, ['interfaceCIDRs']],
        [{ interfacePattern: '', interfaceCIDRs: [] }, ['interfaceCIDRs']],
      ],
    },
  });

  describeFields(template, {
    generateName: [['x'.repeat(253)], ['x'.repeat(254)]],
    interfaceCIDRs: [[['10.0.0.0/8', '10.0.0.1', '10.0.0.1/8']], [['x']]],
    interfacePattern: [['^eth[0-9]+$'], ['(']],
    labels: [[{ a: 'b' }], [{ 'a b': '' }, { a: 'b c' }]],
    annotations: [[{ a: 'any text' }], [{ a: 1 }]],
    nodeSelector: [
      ['all()', ''],
      ['y', 'global()'],
    ],
  });

  it('is stored with the defaults of client and CRD', () => {
    expect(parseResource(document('KubeControllersConfiguration', controllers)).spec).toEqual({
      healthChecks: 'Enabled',
      prometheusMetricsPort: 9094,
      controllers: {},
    });
    const { spec } = parseResource(
      document('KubeControllersConfiguration', {
        prometheusMetricsPort: 0,
        controllers: { node: {}, loadBalancer: {}, migration: {} },
      }),
    );
    expect(spec).toMatchObject({
      prometheusMetricsPort: 0,
      controllers: {
        node: { leakGracePeriod: '15m0s' },
        loadBalancer: { assignIPs: 'AllServices' },
        migration: { policyNameMigrator: 'Enabled' },
      },
    });
  });
});
