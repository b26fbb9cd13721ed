type Variables = Readonly<Record<string, string | undefined>>;

/** Why nothing was installed; the message says what to set. */
export class InstallError extends Error {
  override readonly name = 'InstallError';
}

/** etcd's certificate authority, and the plug-ins' own certificate and key. */
export const tlsFiles = ['etcd-ca', 'etcd-cert', 'etcd-key'] as const;

/** Where the host sees them; those that are not there are left out. */
export type TlsFiles = Readonly<Partial<Record<(typeof tlsFiles)[number], string>>>;

export interface ConfigFacts {
  readonly nodeName: string;
  readonly tls: TlsFiles;
  readonly token: string;
}

/**
 * The CNI network configuration made of a template: Calico's `__NAME__` placeholders take the values of the
 * install container's environment (Calico's documented behaviour).
 *
 * @throws InstallError when the outcome is not a JSON object.
 */
export function renderNetworkConfig(template: string, env: Variables, facts: ConfigFacts): string {
  const { nodeName, tls, token } = facts;
  const of = (name: string, fallback: string): string => env[name] ?? fallback;
  const netDir = of('CNI_NET_DIR', '/etc/cni/net.d');
  const values: Readonly<Record<string, string>> = {
    __LOG_LEVEL__: of('LOG_LEVEL', 'info'),
    __LOG_FILE_PATH__: of('LOG_FILE_PATH', '/var/log/calico/cni/cni.log'),
    __LOG_FILE_MAX_SIZE__: of('LOG_FILE_MAX_SIZE', '100'),
    __LOG_FILE_MAX_AGE__: of('LOG_FILE_MAX_AGE', '30'),
    __LOG_FILE_MAX_COUNT__: of('LOG_FILE_MAX_COUNT', '10'),
    __DATASTORE_TYPE__: of('DATASTORE_TYPE', 'kubernetes'),
    __KUBERNETES_NODE_NAME__: of('KUBERNETES_NODE_NAME', nodeName),
    __KUBECONFIG_FILEPATH__: `${netDir}/calico-kubeconfig`,
    __CNI_MTU__: of('CNI_MTU', '1500'),
    __KUBERNETES_SERVICE_HOST__: of('KUBERNETES_SERVICE_HOST', ''),
    __KUBERNETES_SERVICE_PORT__: of('KUBERNETES_SERVICE_PORT', ''),
    __SERVICEACCOUNT_TOKEN__: token,
    __CALICO_API_GROUP__: of('CALICO_API_GROUP', ''),
    __ETCD_CERT_FILE__: tls['etcd-cert'] ?? '',
    __ETCD_CA_CERT_FILE__: tls['etcd-ca'] ?? '',
    __ETCD_KEY_FILE__: tls['etcd-key'] ?? '',
    __ETCD_ENDPOINTS__: of('ETCD_ENDPOINTS', ''),
    __ETCD_DISCOVERY_SRV__: of('ETCD_DISCOVERY_SRV', ''),
    __REQUIRE_MTU_FILE__: of('REQUIRE_MTU_FILE', 'false'),
  };
  const text = template.replace(/__[A-Z_]+?__/g, (name) => values[name] ?? name);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new InstallError(`the network configuration is not JSON once its placeholders are filled in: ${text}`, {
      cause,
    });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new InstallError('the network configuration is not a JSON object');
  }
  return text;
}
