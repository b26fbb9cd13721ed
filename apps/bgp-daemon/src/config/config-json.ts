/**
 * The configuration as a JSON file: the fields of `calico.bgp.v1.BgpConfig` in camel case, enumerations by
 * name (`"PEER_TYPE_NODE_MESH"`, or short `"NODE_MESH"`) or number, everything but the required fields optional.
 */
import { bgpV1 } from '@calico-node/rpc';
import { BgpConfigError } from './fields.ts';
import { findRepeatedKey } from './repeated-keys.ts';

type Shape = (value: unknown, path: string) => unknown;

function scalar(type: 'string' | 'boolean'): Shape {
  return (value, path) => {
    if (typeof value !== type)
      throw new BgpConfigError(path, type === 'string' ? 'must be text' : 'must be true or false');
    return value;
  };
}

/** The largest that fits the message's fields. */
const maxNumber = 0xffffffff;

const number: Shape = (value, path) => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw new BgpConfigError(path, 'must be a whole number, not negative');
  if (value > maxNumber) throw new BgpConfigError(path, `must be at most ${maxNumber}`);
  return value;
};

function list(item: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) throw new BgpConfigError(path, 'must be a list');
    return value.map((one, index) => item(one, `${path}[${index}]`));
  };
}

/** @param prefix of the names as the message's definition has them */
function choice(prefix: string, numbers: Readonly<Record<string, number>>): Shape {
  return (value, path) => {
    const name = typeof value === 'string' && value.startsWith(prefix) ? value.slice(prefix.length) : value;
    const number = typeof name === 'string' && Object.hasOwn(numbers, name) ? numbers[name] : name;
    if (typeof number !== 'number' || !Object.values(numbers).includes(number)) {
      const names = Object.keys(numbers).filter((known) => known !== 'UNSPECIFIED');
      throw new BgpConfigError(path, `must be one of ${names.map((known) => `${prefix}${known}`).join(', ')}`);
    }
    return number;
  };
}

function message(fields: Readonly<Record<string, Shape>>): Shape {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new BgpConfigError(path === '' ? 'the whole' : path, 'must be an object');
    const prefix = path === '' ? '' : `${path}.`;
    return Object.fromEntries(
      Object.entries(value).map(([name, content]) => {
        const shape = Object.hasOwn(fields, name) ? fields[name] : undefined;
        if (shape === undefined) throw new BgpConfigError(`${prefix}${name}`, 'there is no such field');
        return [name, shape(content, `${prefix}${name}`)];
      }),
    );
  };
}

const [text, flag] = [scalar('string'), scalar('boolean')];

const neighbor = {
  name: text,
  address: text,
  interfaceName: text,
  port: number,
  remoteAs: number,
  localAs: number,
  sourceAddress: text,
  passive: flag,
  type: choice('PEER_TYPE_', bgpV1.PeerType),
  password: text,
  ttlSecurityHops: number,
  multihop: flag,
  routeReflectorClient: flag,
  clusterId: text,
  nextHopMode: choice('NEXT_HOP_MODE_', bgpV1.NextHopMode),
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
  maxPrefixesAction: choice('PREFIX_LIMIT_ACTION_', bgpV1.PrefixLimitAction),
  maxPrefixesRestartSeconds: number,
  sendHoldSeconds: number,
  role: choice('ROLE_', bgpV1.Role),
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
      view: choice('BMP_VIEW_', bgpV1.BmpView),
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
          matchOperator: choice('MATCH_OPERATOR_', bgpV1.MatchOperator),
          minLength: number,
          maxLength: number,
          interfacePattern: text,
          onlyRemotePeers: flag,
          action: choice('FILTER_ACTION_', bgpV1.FilterAction),
          communities: list(text),
          asPathPrefix: list(number),
          priority: number,
          operations: list(message({ addCommunity: text, prependAsPath: list(number), setPriority: number })),
        }),
      ),
    }),
  ),
  gracefulRestartSeconds: number,
  logLevel: choice('LOG_LEVEL_', bgpV1.LogLevel),
  prefixCommunities: list(message({ prefix: text, communities: list(text) })),
});

/** @throws BgpConfigError naming the field that is wrong or unknown; SyntaxError when it is no JSON. */
export function configFromJson(json: string): bgpV1.BgpConfig {
  const parsed: unknown = JSON.parse(json);
  const repeated = findRepeatedKey(json);
  if (repeated !== undefined) throw new BgpConfigError(repeated.key, `is there twice in line ${repeated.line}`);
  // What has passed the shape has the partial message's form.
  return bgpV1.BgpConfig.fromPartial(config(parsed, '') as Parameters<typeof bgpV1.BgpConfig.fromPartial>[0]);
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
