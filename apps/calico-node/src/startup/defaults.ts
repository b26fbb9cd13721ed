import type { FelixConfiguration, BGPConfiguration } from '@calico-node/model';

const apiVersion = 'projectcalico.org/v3';

/**
 * The cluster's FelixConfiguration with start-up's defaults filled in where nothing is set; undefined when
 * nothing has to change.
 */
export function desiredDefaultFelix(stored: FelixConfiguration | undefined): FelixConfiguration | undefined {
  const { reportingInterval, logSeverityScreen } = stored?.spec ?? {};
  if (reportingInterval !== undefined && logSeverityScreen !== undefined) return undefined;
  return {
    kind: 'FelixConfiguration',
    apiVersion,
    ...stored,
    metadata: { ...stored?.metadata, name: 'default' },
    spec: {
      ...stored?.spec,
      reportingInterval: reportingInterval ?? '0s',
      logSeverityScreen: logSeverityScreen ?? 'Info',
    },
  };
}

/** The node's own FelixConfiguration; undefined when nothing has to change. */
export function desiredNodeFelix(
  nodeName: string,
  stored: FelixConfiguration | undefined,
): FelixConfiguration | undefined {
  if (stored?.spec.defaultEndpointToHostAction !== undefined) return undefined;
  return {
    kind: 'FelixConfiguration',
    apiVersion,
    ...stored,
    metadata: { ...stored?.metadata, name: `node.${nodeName}` },
    spec: { ...stored?.spec, defaultEndpointToHostAction: 'Return' },
  };
}

/** The cluster's BGPConfiguration, empty: the defaults are those of the components. */
export const defaultBgpConfiguration: BGPConfiguration = {
  kind: 'BGPConfiguration',
  apiVersion,
  metadata: { name: 'default' },
  spec: {},
};
