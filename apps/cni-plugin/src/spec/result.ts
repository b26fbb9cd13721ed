import { hostCidr, parseInterfaceAddress, splitCidr, tryParseCidr, tryParseIp } from '@calico-node/net';
import type { Cidr, IpAddress } from '@calico-node/net';
import { CniError, cniCodes } from './cni-error.ts';
import { isAtLeast, type CniVersion } from './version.ts';

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** The namespace's path; absent for an interface of the host. */
  readonly sandbox?: string;
}

export interface ResultAddress {
  readonly ip: IpAddress;
  readonly prefixLength: number;
  readonly gateway?: IpAddress;
  /** Index into the result's interfaces. */
  readonly interface?: number;
}

export interface ResultRoute {
  readonly destination: Cidr;
  readonly gateway?: IpAddress;
}

/** The outcome of ADD in no version in particular. */
export interface Result {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Readonly<Record<string, unknown>>;
}

export const emptyResult: Result = { interfaces: [], ips: [], routes: [], dns: {} };

function renderRoute(route: ResultRoute): object {
  return { dst: route.destination, ...(route.gateway === undefined ? {} : { gw: route.gateway }) };
}

function familyOfAddress(address: ResultAddress): 4 | 6 {
  return splitCidr(hostCidr(address.ip)).family;
}

/** 0.1.0 and 0.2.0 know one address per family, and no interfaces. */
function renderLegacy(result: Result): object {
  const side = (family: 4 | 6): object | undefined => {
    const address = result.ips.find((candidate) => familyOfAddress(candidate) === family);
    if (address === undefined) return undefined;
    const routes = result.routes.filter((route) => splitCidr(route.destination).family === family);
    return {
      ip: `${address.ip}/${address.prefixLength}`,
      ...(address.gateway === undefined ? {} : { gateway: address.gateway }),
      ...(routes.length === 0 ? {} : { routes: routes.map(renderRoute) }),
    };
  };
  const [ip4, ip6] = [side(4), side(6)];
  return { ...(ip4 === undefined ? {} : { ip4 }), ...(ip6 === undefined ? {} : { ip6 }), dns: result.dns };
}

/** The result as the plug-in prints it, one line of JSON in the version that the configuration asks for. */
export function renderResult(result: Result, cniVersion: CniVersion): string {
  if (!isAtLeast(cniVersion, '0.3.0')) return JSON.stringify({ cniVersion, ...renderLegacy(result) });
  const interfaces = result.interfaces.map(({ name, mac, mtu, sandbox }) => ({
    name,
    ...(mac === undefined ? {} : { mac }),
    ...(mtu === undefined || !isAtLeast(cniVersion, '1.1.0') ? {} : { mtu }),
    ...(sandbox === undefined ? {} : { sandbox }),
  }));
  const ips = result.ips.map((address) => ({
    ...(isAtLeast(cniVersion, '1.0.0') ? {} : { version: String(familyOfAddress(address)) }),
    ...(address.interface === undefined ? {} : { interface: address.interface }),
    address: `${address.ip}/${address.prefixLength}`,
    ...(address.gateway === undefined ? {} : { gateway: address.gateway }),
  }));
  return JSON.stringify({
    cniVersion,
    ...(interfaces.length === 0 ? {} : { interfaces }),
    ...(ips.length === 0 ? {} : { ips }),
    ...(result.routes.length === 0 ? {} : { routes: result.routes.map(renderRoute) }),
    dns: result.dns,
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function recordsOf(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function parseAddress(entry: Readonly<Record<string, unknown>>, text: unknown, where: string): ResultAddress {
  const malformed = new CniError(
    cniCodes.decodingFailure,
    `${where}: ${JSON.stringify(text)} is not an address/length`,
  );
  if (typeof text !== 'string') throw malformed;
  try {
    const { ip, prefixLength } = parseInterfaceAddress(text);
    const gateway = tryParseIp(textOf(entry['gateway']) ?? '');
    return {
      ip,
      prefixLength,
      ...(gateway === undefined ? {} : { gateway }),
      ...(typeof entry['interface'] === 'number' ? { interface: entry['interface'] } : {}),
    };
  } catch {
    throw malformed;
  }
}

function parseRoutes(value: unknown, where: string): ResultRoute[] {
  return recordsOf(value).map((entry) => {
    const destination = tryParseCidr(textOf(entry['dst']) ?? '');
    if (destination === undefined) {
      throw new CniError(cniCodes.decodingFailure, `${where}: ${JSON.stringify(entry['dst'])} is not a network`);
    }
    const gateway = tryParseIp(textOf(entry['gw']) ?? '');
    return { destination, ...(gateway === undefined ? {} : { gateway }) };
  });
}

/**
 * A result of any version: `prevResult` of a configuration, or what a delegated IPAM plug-in printed.
 *
 * @throws CniError code 6 with the place in the document.
 */
export function parseResult(value: unknown, where: string): Result {
  if (!isRecord(value)) throw new CniError(cniCodes.decodingFailure, `${where} is not an object`);
  const dns = isRecord(value['dns']) ? value['dns'] : {};
  const legacy = (['ip4', 'ip6'] as const).flatMap((name) => {
    const side = value[name];
    return isRecord(side) ? [{ name, side }] : [];
  });
  if (legacy.length > 0) {
    return {
      interfaces: [],
      ips: legacy.map(({ name, side }) => parseAddress(side, side['ip'], `${where}.${name}.ip`)),
      routes: legacy.flatMap(({ name, side }) => parseRoutes(side['routes'], `${where}.${name}.routes`)),
      dns,
    };
  }
  return {
    interfaces: recordsOf(value['interfaces']).map((entry) => {
      const [mac, sandbox] = [textOf(entry['mac']), textOf(entry['sandbox'])];
      return {
        name: textOf(entry['name']) ?? '',
        ...(mac === undefined ? {} : { mac }),
        ...(typeof entry['mtu'] === 'number' ? { mtu: entry['mtu'] } : {}),
        ...(sandbox === undefined ? {} : { sandbox }),
      };
    }),
    ips: recordsOf(value['ips']).map((entry, index) =>
      parseAddress(entry, entry['address'], `${where}.ips[${index}].address`),
    ),
    routes: parseRoutes(value['routes'], `${where}.routes`),
    dns,
  };
}
