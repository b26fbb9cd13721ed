/*
 * What Docker asks of an IPAM driver (libnetwork's remote IPAM protocol, docs/ipam.md there), read into domain types.
 */
import { NetParseError, parseCidrLoose, parseIp, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { fieldsOf, flag, text } from './fields.ts';
import { PluginError } from './plugin-error.ts';

export interface RequestPoolRequest {
  readonly family: Family;
  /** The user's `--subnet`; undefined for any. */
  readonly pool: Cidr | undefined;
}

export interface RequestAddressRequest {
  readonly poolId: string;
  /** The user's `--ip`; undefined for any. */
  readonly address: IpAddress | undefined;
}

function parsed<T>(parse: () => T, what: string): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof NetParseError)) throw error;
    throw new PluginError('invalid', `${what}: ${error.message}`, { cause: error });
  }
}

/** @throws PluginError `unsupported` for `--ip-range` and `--ipam-opt`; `invalid` */
export function parseRequestPool(body: unknown): RequestPoolRequest {
  const fields = fieldsOf(body, 'the request');
  if (text(fields, 'SubPool') !== '') {
    throw new PluginError('unsupported', 'Calico IPAM has no --ip-range: addresses come from the whole IP pool');
  }
  const options = Object.keys(fieldsOf(fields['Options'], 'Options'));
  if (options.length > 0) {
    throw new PluginError('unsupported', `Calico IPAM has no option ${options.sort().join(', ')}`);
  }
  const pool = text(fields, 'Pool');
  return {
    family: flag(fields, 'V6') ? 6 : 4,
    pool: pool === '' ? undefined : parsed(() => parseCidrLoose(pool), '--subnet'),
  };
}

/** @throws PluginError `unsupported` for a gateway's address; `invalid` */
export function parseRequestAddress(body: unknown): RequestAddressRequest {
  const fields = fieldsOf(body, 'the request');
  const type = text(fieldsOf(fields['Options'], 'Options'), 'RequestAddressType');
  if (type === 'com.docker.network.gateway') {
    throw new PluginError('unsupported', 'a Calico network has no gateway address of its own: leave --gateway away');
  }
  const address = text(fields, 'Address');
  return {
    poolId: text(fields, 'PoolID'),
    address: address === '' ? undefined : parsed(() => parseIp(address.split('/')[0] ?? ''), '--ip'),
  };
}

/** @throws PluginError `invalid` */
export function parseReleaseAddress(body: unknown): IpAddress {
  const address = text(fieldsOf(body, 'the request'), 'Address');
  return parsed(() => parseIp(address.split('/')[0] ?? ''), 'Address');
}
