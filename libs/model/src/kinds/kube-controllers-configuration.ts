import { cidr } from '../checks/nets.ts';
import { labelKey, labelValue, maxLength, onlyDefault, regularExpression } from '../checks/names.ts';
import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { list, map } from '../schema/containers.ts';
import { duration, int, int32, oneOf, string, text } from '../schema/scalars.ts';
import { always, alwaysPrinted, optional, pointer, struct } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const enabledOrDisabled = oneOf('Enabled', 'Disabled');

const reconciler = { reconcilerPeriod: pointer(duration) };

const hostEndpointTemplate = struct('Template', {
  generateName: optional(text(maxLength(253))),
  interfaceCIDRs: optional(list(text(cidr))),
  interfacePattern: optional(text(regularExpression)),
  labels: optional(map(text(labelValue), { key: labelKey })),
  annotations: optional(map(string)),
  nodeSelector: optional(text(selectorWithoutGlobal)),
});

const nodeController = struct('NodeControllerConfig', {
  ...reconciler,
  syncLabels: optional(enabledOrDisabled),
  hostEndpoint: pointer(
    struct('AutoHostEndpointConfig', {
      autoCreate: optional(enabledOrDisabled),
      createDefaultHostEndpoint: optional(enabledOrDisabled),
      templates: optional(list(hostEndpointTemplate)),
    }),
  ),
  leakGracePeriod: pointer(duration),
});

const controllers = struct('ControllersConfig', {
  node: pointer(nodeController),
  policy: pointer(struct('PolicyControllerConfig', reconciler)),
  workloadEndpoint: pointer(struct('WorkloadEndpointControllerConfig', reconciler)),
  serviceAccount: pointer(struct('ServiceAccountControllerConfig', reconciler)),
  namespace: pointer(struct('NamespaceControllerConfig', reconciler)),
  loadBalancer: pointer(
    struct('LoadBalancerControllerConfig', {
      assignIPs: optional(oneOf('AllServices', 'RequestedServicesOnly'), { default: 'AllServices' }),
    }),
  ),
  migration: pointer(
    struct('MigrationControllerConfig', { policyNameMigrator: optional(enabledOrDisabled, { default: 'Enabled' }) }),
  ),
});

const spec = struct('KubeControllersConfigurationSpec', {
  logSeverityScreen: optional(oneOf('None', 'Debug', 'Info', 'Warning', 'Error', 'Fatal', 'Panic')),
  healthChecks: optional(enabledOrDisabled, { default: 'Enabled' }),
  etcdV3CompactionPeriod: pointer(duration),
  /** 0 serves no metrics. */
  prometheusMetricsPort: pointer(int(0, 65_535)),
  controllers: always(controllers),
  debugProfilePort: pointer(int32(0, 65_535)),
});

export const kubeControllersConfiguration = defineKind({
  kind: 'KubeControllersConfiguration',
  plural: 'kubecontrollersconfigurations',
  shortNames: ['kubecontrollersconfig', 'kubecontrollersconfigs'],
  name: onlyDefault,
  body: {
    spec: always(spec),
    status: alwaysPrinted(
      struct('KubeControllersConfigurationStatus', {
        runningConfig: pointer(spec),
        environmentVars: optional(map(string)),
      }),
    ),
  },
});

export type KubeControllersConfiguration = ResourceOfDefinition<typeof kubeControllersConfiguration>;
