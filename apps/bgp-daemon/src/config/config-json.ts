/**
 * The configuration as a JSON file: the fields of `calico.bgp.v1.BgpConfig` in camel case, enumerations by
 * name (`"NODE_MESH"`) or number, everything but the required fields optional.
 */
import { bgpV1 } from '@calico-node/rpc';
import { BgpConfigError } from './fields.ts';

type Shape = (value: unknown, path: string) => unknown;

function scalar(type: 'string' | 'number' | 'boolean'): Shape {
  return (value, path) => {
    const isFit = typeof value === type && (type !== 'number' || (Number.isInteger(value) && Number(value) >= 0));
    if (!isFit)
      throw new BgpConfigError(path, type === 'number' ? 'must be a whole number, not negative' : `must be a ${type}`);
    return value;
  };
}

function list(item: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) throw new BgpConfigError(path, 'must be a list');
    return value.map((one, index) => item(one, `${path}[${index}]`));
  };
}

function choice(numbers: Readonly<Record<string, number>>): Shape {
  return (value, path) => {
    const number = typeof value === 'string' ? numbers[value] : value;
    if (typeof number !== 'number' || !Object.values(numbers).includes(number)) {
      throw new BgpConfigError(path, `must be one of ${Object.keys(numbers).join(', ')}`);
    }
    return number;
  };
}

function message(fields: Readonly<Record<string, Shape>>): Shape {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new BgpConfigError(path, 'must be an object');
    const prefix = path === '' ? '' : `${path}.`;
    return Object.fromEntries(
      Object.entries(value).map(([name, content]) => {
        const shape = fields[name];
        if (shape === undefined) throw new BgpConfigError(`${prefix}${name}`, 'there is no such field');
        return [name, shape(content, `${prefix}${name}`)];
      }),
    );
  };
}

const [text, number, flag] = [scalar('string'), scalar('number'), scalar('boolean')];

const neighbor = {
  name: text,
  address: text,
  interfaceName: text,
  port: number,
  remoteAs: number,
  localAs: number,
  sourceAddress: text,
  passive: flag,
  type: choice(bgpV1.PeerType),
  password: text,
  ttlSecurityHops: number,
  multihop: flag,
  routeReflectorClient: flag,
  clusterId: text,
  nextHopMode: choice(bgpV1.NextHopMode),
  restartSeconds: number,
  holdSeconds: number,
  keepaliveSeconds: number,
  allowedLocalAs: number,
  importFilters: list(text),
  exportFilters: list(text),
  families: list(number),
  addPathSend: flag,
  addPathReceive: flag,
  maxPrefixes: number,
  maxPrefixesAction: choice(bgpV1.PrefixLimitAction),
  maxPrefixesRestartSeconds: number,
  sendHoldSeconds: number,
  role: choice(bgpV1.Role),
  roleStrict: flag,
  longLivedSeconds: number,
  advertisementSeconds: number,
  routeServerClient: flag,
  prependLocalAs: flag,
  keepGlobalAs: flag,
  enforceFirstAs: flag,
  bfd: message({
    minRxMillis: number,
    minTxMillis: number,
    multiplier: number,
    multihop: flag,
    passive: flag,
    graceful: flag,
    ifConnected: flag,
  }),
};

const config = message({
  nodeName: text,
  routerId: text,
  localAs: number,
  listenAddresses: list(text),
  listenPort: number,
  neighbors: list(message(neighbor)),
  dynamicNeighbors: list(message({ prefix: text, template: message(neighbor), limit: number })),
  dampening: message({ flaps: number, stableSeconds: number, maximumSeconds: number }),
  bmpStations: list(
    message({
      address: text,
      port: number,
      maxBufferBytes: number,
      view: choice(bgpV1.BmpView),
      adjRibOut: flag,
      locRib: flag,
      statisticsSeconds: number,
    }),
  ),
  mrtLog: message({ file: text, maxBytes: number, keep: number }),
  staticRoutes: list(message({ prefix: text, nextHop: text, suppressSpecifics: flag })),
  kernel: message({
    learn: flag,
    program: flag,
    ignoredInterfaces: list(text),
    neverProgram: list(text),
    announceWithin: list(text),
    neverAnnounce: list(text),
    maxPaths: number,
    localAddresses: list(text),
    normalPriorityV4: number,
    normalPriorityV6: number,
    tunnels: list(message({ prefix: text, interfaceName: text, directWithin: list(text) })),
  }),
  filters: list(
    message({
      name: text,
      rules: list(
        message({
          family: number,
          cidr: text,
          matchOperator: choice(bgpV1.MatchOperator),
          minLength: number,
          maxLength: number,
          interfacePattern: text,
          onlyRemotePeers: flag,
          action: choice(bgpV1.FilterAction),
          communities: list(text),
          asPathPrefix: list(number),
          priority: number,
          operations: list(message({ addCommunity: text, prependAsPath: list(number), setPriority: number })),
        }),
      ),
    }),
  ),
  gracefulRestartSeconds: number,
  logLevel: choice(bgpV1.LogLevel),
  prefixCommunities: list(message({ prefix: text, communities: list(text) })),
});

/** @throws BgpConfigError naming the field that is wrong or unknown; SyntaxError when it is no JSON. */
export function configFromJson(json: string): bgpV1.BgpConfig {
  // What has passed the shape has the partial message's form.
  return bgpV1.BgpConfig.fromPartial(config(JSON.parse(json), '') as Parameters<typeof bgpV1.BgpConfig.fromPartial>[0]);
}

/** Without what has its default; enumerations as numbers. */
export function configToJson(wire: bgpV1.BgpConfig): string {
  const isDefault = (value: unknown): boolean =>
    value === undefined ||
    value === '' ||
    value === 0 ||
    value === false ||
    (Array.isArray(value) && value.length === 0);
  // A largest length of zero means something else than none.
  const keep = (key: string, value: unknown): unknown => (key !== 'maxLength' && isDefault(value) ? undefined : value);
  return `${JSON.stringify(wire, keep, 2)}\n`;
}
