/*
 * What Docker asks of a network driver (libnetwork's remote driver protocol, docs/remote.md there): the messages that
 * say anything to us, read into domain types.
 */
import { NetParseError, parseInterfaceAddress, parseMac, type IpAddress, type Mac } from '@calico-node/net';
import { fieldsOf, identifier, list, text, type Fields } from './fields.ts';
import { PluginError } from './plugin-error.ts';

/** What the IPAM driver has said of one of the network's pools. */
export interface PoolData {
  readonly addressSpace: string;
  readonly pool: string;
  readonly gateway: string;
}

export interface CreateNetworkRequest {
  readonly networkId: string;
  readonly options: Fields;
  readonly ipv4: readonly PoolData[];
  readonly ipv6: readonly PoolData[];
}

export interface EndpointRequest {
  readonly networkId: string;
  readonly endpointId: string;
}

export interface CreateEndpointRequest extends EndpointRequest {
  readonly addresses: readonly IpAddress[];
  /** The one that the user chose. */
  readonly mac: Mac | undefined;
  readonly options: Fields;
}

function poolData(fields: Fields): PoolData {
  return { addressSpace: text(fields, 'AddressSpace'), pool: text(fields, 'Pool'), gateway: text(fields, 'Gateway') };
}

/** @throws PluginError `invalid` */
export function parseCreateNetwork(body: unknown): CreateNetworkRequest {
  const fields = fieldsOf(body, 'the request');
  return {
    networkId: identifier(fields, 'NetworkID'),
    options: fieldsOf(fields['Options'], 'Options'),
    ipv4: list(fields, 'IPv4Data').map(poolData),
    ipv6: list(fields, 'IPv6Data').map(poolData),
  };
}

/** @throws PluginError `invalid` */
export function parseNetworkId(body: unknown): string {
  return identifier(fieldsOf(body, 'the request'), 'NetworkID');
}

/** @throws PluginError `invalid` */
export function parseJoin(body: unknown): EndpointRequest & { readonly sandbox: string } {
  return { ...parseEndpointRequest(body), sandbox: text(fieldsOf(body, 'the request'), 'SandboxKey') };
}

/** Leave, DeleteEndpoint, EndpointOperInfo. @throws PluginError `invalid` */
export function parseEndpointRequest(body: unknown): EndpointRequest {
  const fields = fieldsOf(body, 'the request');
  return { networkId: identifier(fields, 'NetworkID'), endpointId: identifier(fields, 'EndpointID') };
}

/** @throws PluginError `invalid` */
export function parseCreateEndpoint(body: unknown): CreateEndpointRequest {
  const fields = fieldsOf(body, 'the request');
  const wanted = fieldsOf(fields['Interface'], 'Interface');
  try {
    const addresses = [text(wanted, 'Address'), text(wanted, 'AddressIPv6')].filter((address) => address !== '');
    const mac = text(wanted, 'MacAddress');
    return {
      ...parseEndpointRequest(fields),
      addresses: addresses.map((address) => parseInterfaceAddress(address).ip),
      mac: mac === '' ? undefined : parseMac(mac),
      options: fieldsOf(fields['Options'], 'Options'),
    };
  } catch (error) {
    if (!(error instanceof NetParseError)) throw error;
    throw new PluginError('invalid', `Interface: ${error.message}`, { cause: error });
  }
}
