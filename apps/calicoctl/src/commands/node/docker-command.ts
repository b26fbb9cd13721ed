import type { EtcdAccess } from './etcd-access.ts';

/** What `node run` was asked for, checked. */
export interface RunSettings {
  readonly name: string;
  /** An address or `autodetect`; nothing to take what is stored. */
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  /** In plain decimal. */
  readonly asNumber: string | undefined;
  readonly ipMethod: string;
  readonly ip6Method: string;
  readonly logDir: string;
  readonly image: string;
  readonly backend: string;
  readonly isInitSystem: boolean;
  readonly hasDefaultPools: boolean;
  readonly felixConfig: string | undefined;
  readonly etcd: EtcdAccess;
}

/** The autodetection method that needs no mention. */
export const FIRST_FOUND = 'first-found';

const CERTIFICATES = {
  caCertFile: { variable: 'ETCD_CA_CERT_FILE', path: '/etc/calico/certs/ca_cert.crt' },
  keyFile: { variable: 'ETCD_KEY_FILE', path: '/etc/calico/certs/key.pem' },
  certFile: { variable: 'ETCD_CERT_FILE', path: '/etc/calico/certs/cert.crt' },
} as const;

/** What our image needs beyond nothing; deploy/Dockerfile says what for. */
const CAPABILITIES = ['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'SYS_ADMIN'] as const;

/** Project Calico's own image runs with every privilege, and writes to its root file system. */
const CALICO_IMAGE = /(?:^|\/)calico\/node(?:$|[:@])/;

/**
 * The command that runs the node. For an init system it stays in the foreground and removes the container at
 * its end; else Docker starts it again. User name and password of etcd are passed by name only, so that they
 * stand on no command line: the caller sets {@link secretEnvironment}.
 */
export function dockerCommand(settings: RunSettings): readonly string[] {
  const variables = Object.entries(environment(settings)).map(([name, value]) => `${name}=${value}`);
  const secrets = Object.keys(secretEnvironment(settings));
  return [
    ...['docker', 'run', '--net=host', ...privileges(settings), '--name=calico-node'],
    ...(settings.isInitSystem ? ['--rm'] : ['-d', '--restart=always']),
    ...[...variables, ...secrets].flatMap((variable) => ['-e', variable]),
    ...mounts(settings).flatMap(([host, container]) => ['-v', `${host}:${container}`]),
    settings.image,
  ];
}

/** What the `docker` process must have in its environment. */
export function secretEnvironment({ etcd: { user } }: RunSettings): Readonly<Record<string, string>> {
  return user === undefined ? {} : { ETCD_USERNAME: user.username, ETCD_PASSWORD: user.password };
}

/** Whether it is Project Calico's, `calico/node`, from whatever registry. */
export function isCalicoImage(image: string): boolean {
  return CALICO_IMAGE.test(image);
}

function privileges(settings: RunSettings): readonly string[] {
  if (isCalicoImage(settings.image)) return ['--privileged'];
  return [
    ...['--read-only', '--cap-drop=ALL', ...CAPABILITIES.map((name) => `--cap-add=${name}`)],
    '--security-opt=no-new-privileges',
    // What confd writes for BIRD; the rest of the root is read-only.
    '--tmpfs=/etc/calico/confd/config:size=16m,mode=0700',
  ];
}

function environment(settings: RunSettings): Readonly<Record<string, string>> {
  const { etcd, ip, ip6, asNumber, ipMethod, ip6Method } = settings;
  return {
    NODENAME: settings.name,
    CALICO_NETWORKING_BACKEND: settings.backend,
    // There is no Kubernetes whose token a CNI plug-in could use.
    CALICO_MANAGE_CNI: 'false',
    ...(settings.hasDefaultPools ? {} : { NO_DEFAULT_POOLS: 'true' }),
    ...(ipMethod === FIRST_FOUND ? {} : { IP_AUTODETECTION_METHOD: ipMethod }),
    ...(ip6Method === FIRST_FOUND ? {} : { IP6_AUTODETECTION_METHOD: ip6Method }),
    ...(asNumber === undefined ? {} : { AS: asNumber }),
    ...(ip === undefined ? {} : { IP: ip }),
    ...(ip6 === undefined ? {} : { IP6: ip6 }),
    ETCD_ENDPOINTS: etcd.endpoints,
    ETCD_DISCOVERY_SRV: etcd.discoverySrv,
    ...Object.fromEntries(certificates(etcd).map(({ variable, path }) => [variable, path])),
  };
}

/** Host paths of our image: workloads' namespaces as they come and go, and the sysctls that it sets. */
const HOST_PATHS = [
  ['/run/netns', '/run/netns:rslave'],
  ['/run/xtables.lock', '/run/xtables.lock'],
  ['/proc/sys/net', '/host/proc/sys/net'],
] as const;

function mounts(settings: RunSettings): readonly (readonly [string, string])[] {
  const { logDir, felixConfig, etcd } = settings;
  const same = [
    '/var/run/calico',
    '/var/lib/calico',
    ...(isCalicoImage(settings.image) ? ['/lib/modules', '/run'] : []),
  ];
  return [
    [logDir, '/var/log/calico'],
    ...same.map((path) => [path, path] as const),
    ...(isCalicoImage(settings.image) ? [] : HOST_PATHS),
    ...(felixConfig === undefined ? [] : [[felixConfig, '/etc/calico/felix.cfg'] as const]),
    ...certificates(etcd).map(({ file, path }) => [file, path] as const),
  ];
}

function certificates(
  etcd: EtcdAccess,
): readonly { readonly variable: string; readonly path: string; readonly file: string }[] {
  return (['caCertFile', 'keyFile', 'certFile'] as const).flatMap((field) => {
    const file = etcd[field];
    return file === undefined ? [] : [{ ...CERTIFICATES[field], file }];
  });
}
