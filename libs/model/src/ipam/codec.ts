import { parseLosslessJson } from '../go/go-json.ts';
import { FAILED, ParseContext, READING } from '../schema/parse-context.ts';
import type { Schema } from '../schema/schema.ts';
import { ValidationError } from '../validation-error.ts';
import {
  allocationBlock,
  blockAffinity,
  ipamConfig,
  ipamHandle,
  type AllocationBlock,
  type BlockAffinity,
  type IpamConfig,
  type IpamHandle,
} from './values.ts';

/** Reads a value that is not a resource. Throws ValidationError. */
export function decodeValue<T>(schema: Schema<T>, text: string): T {
  const context = new ParseContext(READING);
  let input: unknown;
  try {
    input = parseLosslessJson(text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    context.fail(undefined, text, `is not JSON: ${message}`);
  }
  const value = context.issues.length === 0 ? schema.parse(input, undefined, context) : FAILED;
  if (value === FAILED || context.issues.length > 0)
    throw new ValidationError(`stored ${schema.typeName}`, context.issues);
  return value;
}

export function encodeBlock(block: AllocationBlock): string {
  return allocationBlock.encode(block);
}

/** Reads a block of any release; `hostAffinity` of very old ones becomes `affinity`. Throws ValidationError. */
export function decodeBlock(text: string): AllocationBlock {
  const { hostAffinity, ...block } = decodeValue(allocationBlock, text);
  if (block.cidr === '')
    throw new ValidationError('stored AllocationBlock', [{ path: 'cidr', value: '', message: 'is required' }]);
  if (hostAffinity === undefined || block.affinity !== null) return block;
  return { ...block, affinity: `host:${hostAffinity}` };
}

export function encodeAffinity(affinity: BlockAffinity): string {
  return blockAffinity.encode(affinity);
}

/** Reads an affinity; an empty value, as very old releases stored, has the state "". Throws ValidationError. */
export function decodeAffinity(text: string): BlockAffinity {
  return decodeValue(blockAffinity, text === '' ? '{}' : text);
}

export function encodeHandle(handle: IpamHandle): string {
  return ipamHandle.encode(handle);
}

/** Throws ValidationError. */
export function decodeHandle(text: string): IpamHandle {
  return decodeValue(ipamHandle, text);
}

export function encodeIpamConfig(config: IpamConfig): string {
  return ipamConfig.encode(config);
}

/** What holds where nothing is stored. */
export const DEFAULT_IPAM_CONFIG: IpamConfig = { strict_affinity: false, auto_allocate_blocks: true };

/**
 * Reads the configuration; undefined is a missing key, which means the defaults. In a record that exists, a
 * missing field means false or zero, since Go leaves those out. Throws ValidationError.
 */
export function decodeIpamConfig(text: string | undefined): IpamConfig {
  return text === undefined ? DEFAULT_IPAM_CONFIG : decodeValue(ipamConfig, text);
}
