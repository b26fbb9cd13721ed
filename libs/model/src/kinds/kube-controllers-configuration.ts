import { cidr } from '../checks/nets.ts';
import { labelKey, labelValue, maxLength, onlyDefault, regularExpression } from '../checks/names.ts';
import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { list, map } from '../schema/containers.ts';
import { duration, int, int32, oneOf, string, text } from '../schema/scalars.ts';
import { noted, type Infer } from '../schema/schema.ts';
import { always, alwaysPrinted, optional, pointer, struct, type Report } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const enabledOrDisabled = oneOf('Enabled', 'Disabled');

const reconciler = { reconcilerPeriod: pointer(duration, 'How often everything is compared again; 0 for never.') };

/** What tells which interfaces of a node are meant. */
interface Place {
  readonly interfaceCIDRs?: readonly string[] | undefined;
  readonly interfacePattern?: string | undefined;
}

const hostEndpointTemplate = struct(
  'Template',
  {
    generateName: optional(text(maxLength(253)), {
      mandatory: true,
      description: "The end of the host endpoint's name, after the node's.",
    }),
    interfaceCIDRs: optional(
      list(text(cidr)),
      "Networks; the node's addresses within them are its expected addresses.",
    ),
    interfacePattern: optional(text(regularExpression), 'The interfaces, by name.'),
    labels: optional(map(text(labelValue), { key: labelKey }), 'Labels that it gets.'),
    annotations: optional(map(string), 'Annotations that it gets.'),
    nodeSelector: optional(text(selectorWithoutGlobal), 'The nodes that get one.'),
  },
  noted(
    'interfaceCIDRs or interfacePattern, or both',
    ({ interfaceCIDRs = [], interfacePattern = '' }: Place, report: Report) => {
      if (interfaceCIDRs.length === 0 && interfacePattern === '') {
        report(['interfaceCIDRs'], interfaceCIDRs, 'is required where there is no interfacePattern');
      }
    },
  ),
);

const nodeController = struct('NodeControllerConfig', {
  ...reconciler,
  syncLabels: optional(enabledOrDisabled, "Whether Kubernetes' node labels are copied."),
  hostEndpoint: pointer(
    struct('AutoHostEndpointConfig', {
      autoCreate: optional(enabledOrDisabled, 'Whether host endpoints are made.'),
      createDefaultHostEndpoint: optional(enabledOrDisabled, 'Whether one for all interfaces is among them.'),
      templates: optional(
        list(hostEndpointTemplate, { uniqueBy: ({ generateName = '' }) => generateName }),
        'Further ones to make.',
      ),
    }),
    'Host endpoints that are made for every node.',
  ),
  leakGracePeriod: pointer(duration, {
    unset: '15m0s',
    description: 'How long an address may look leaked before it is released.',
  }),
});

const controllers = struct('ControllersConfig', {
  node: pointer(nodeController, 'Cleans up after nodes that are gone.'),
  policy: pointer(struct('PolicyControllerConfig', reconciler), "Copies Kubernetes' policies."),
  workloadEndpoint: pointer(struct('WorkloadEndpointControllerConfig', reconciler), "Copies pods' labels."),
  serviceAccount: pointer(struct('ServiceAccountControllerConfig', reconciler), 'Makes profiles of service accounts.'),
  namespace: pointer(struct('NamespaceControllerConfig', reconciler), 'Makes profiles of namespaces.'),
  loadBalancer: pointer(
    struct('LoadBalancerControllerConfig', {
      assignIPs: optional(oneOf('AllServices', 'RequestedServicesOnly'), {
        default: 'AllServices',
        description: 'Which services get an address.',
      }),
    }),
    'Gives services of type LoadBalancer their addresses.',
  ),
  migration: pointer(
    struct('MigrationControllerConfig', {
      policyNameMigrator: optional(enabledOrDisabled, {
        default: 'Enabled',
        description: 'Whether policies stored by 3.31 and older are renamed.',
      }),
    }),
    'Brings stored objects to the current form.',
  ),
});

const spec = struct('KubeControllersConfigurationSpec', {
  logSeverityScreen: optional(
    oneOf('None', 'Debug', 'Info', 'Warning', 'Error', 'Fatal', 'Panic'),
    'How much the controllers log.',
  ),
  healthChecks: optional(enabledOrDisabled, { default: 'Enabled', description: 'Whether health is reported.' }),
  etcdV3CompactionPeriod: pointer(duration, "How often etcd's history is compacted; 0 for never."),
  /** 0 serves no metrics. */
  prometheusMetricsPort: pointer(int(0, 65_535), {
    unset: '9094',
    description: 'The port that metrics are served on; 0 serves none.',
  }),
  controllers: always(controllers, 'The controllers that run.'),
  debugProfilePort: pointer(int32(0, 65_535), 'The port that profiles are served on; none where it is not set.'),
});

export const kubeControllersConfiguration = defineKind({
  kind: 'KubeControllersConfiguration',
  name: onlyDefault,
  docs: {
    summary: 'How calico/kube-controllers runs; there is one, `default`.',
    example: {
      metadata: { name: 'default' },
      spec: {
        logSeverityScreen: 'Info',
        controllers: { node: { syncLabels: 'Enabled', hostEndpoint: { autoCreate: 'Disabled' } } },
      },
    },
  },
  onWrite: fillDefaults,
  body: {
    spec: always(spec),
    status: alwaysPrinted(
      struct('KubeControllersConfigurationStatus', {
        runningConfig: pointer(spec, 'What the controllers run by, everything considered.'),
        environmentVars: optional(map(string), 'Environment variables that override the spec.'),
      }),
    ),
  },
});

export type KubeControllersConfiguration = ResourceOfDefinition<typeof kubeControllersConfiguration>;

const METRICS_PORT = 9094;
const LEAK_GRACE_PERIOD = '15m0s';

/** What Calico's client writes into every record. */
function fillDefaults<R extends { readonly spec: Infer<typeof spec> }>(resource: R): R {
  const { controllers } = resource.spec;
  const { node } = controllers;
  return {
    ...resource,
    spec: {
      ...resource.spec,
      prometheusMetricsPort: resource.spec.prometheusMetricsPort ?? METRICS_PORT,
      controllers: node
        ? { ...controllers, node: { ...node, leakGracePeriod: node.leakGracePeriod ?? LEAK_GRACE_PERIOD } }
        : controllers,
    },
  };
}
