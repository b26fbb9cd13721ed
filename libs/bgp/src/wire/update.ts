import type { Family, IpAddress } from '@calico-node/net';
import { u16 } from './bytes.ts';
import type { AttributeProblem } from './attribute-fault.ts';
import { decodeAttributes, type AttributesResult } from './decode-attributes.ts';
import { isNlriWellFormed, type NlriBlock } from './nlri.ts';
import { errorCode, notification, type Notification } from './notification.ts';
import { attributeCode, type PathAttributes } from './path-attributes.ts';
import type { UpdateContext } from './update-context.ts';

export interface Announcement {
  readonly block: NlriBlock;
  /** Complete, with the block's own next hop. */
  readonly attributes: PathAttributes;
}

/** What an UPDATE says, after RFC 7606's treatment of its errors. Blocks live as long as the received bytes. */
export interface Update {
  readonly kind: 'update';
  readonly withdrawn: readonly NlriBlock[];
  readonly announced: readonly Announcement[];
  /** The families whose initial table is complete with this (RFC 4724 2). */
  readonly endOfRib: Family | undefined;
  readonly problems: readonly AttributeProblem[];
}

export type UpdateResult =
  Update | { readonly kind: 'reset'; readonly notification: Notification; readonly reason: string };

function reset(subcode: number, reason: string): UpdateResult {
  return { kind: 'reset', notification: notification(errorCode.update, subcode), reason };
}

/**
 * The body of an UPDATE of at least 23 octets, which the framer has checked (RFC 4271 4.3 and 6.3,
 * RFC 7606, RFC 4760). Never throws, whatever the bytes.
 */
export function decodeUpdate(bytes: Uint8Array, start: number, end: number, context: UpdateContext): UpdateResult {
  const withdrawnAt = start + 2;
  const withdrawnEnd = withdrawnAt + u16(bytes, start);
  // RFC 4271 6.3: the two lengths do not fit the message; RFC 7606 3 a keeps this a reset.
  if (withdrawnEnd + 2 > end) return reset(1, 'withdrawn routes run over the end of the message');
  const attributesAt = withdrawnEnd + 2;
  const attributesEnd = attributesAt + u16(bytes, withdrawnEnd);
  if (attributesEnd > end) return reset(1, 'attributes run over the end of the message');

  const hasIpv4 = context.families.includes(4);
  const addPath = context.addPath.includes(4);
  // RFC 7606 5.3 and 3 j: prefixes that cannot be parsed leave nothing but a reset (RFC 4271 6.3, subcode 10).
  if (!isNlriWellFormed(bytes, withdrawnAt, withdrawnEnd, 4, addPath)) return reset(10, 'malformed withdrawn prefix');
  if (!isNlriWellFormed(bytes, attributesEnd, end, 4, addPath)) return reset(10, 'malformed prefix');

  const decoded = decodeAttributes(bytes, attributesAt, attributesEnd, context);
  if (decoded.kind === 'reset') return decoded;

  const withdrawn: NlriBlock[] = [];
  if (hasIpv4 && withdrawnEnd > withdrawnAt) {
    withdrawn.push({ family: 4, bytes, start: withdrawnAt, end: withdrawnEnd, addPath });
  }
  if (decoded.mpUnreach !== undefined) withdrawn.push(decoded.mpUnreach);
  const problems = [...decoded.problems];
  const announced: Announcement[] = [];
  const hasNlri = attributesEnd < end;
  const hasReach = hasNlri || decoded.hasMpReach;
  if (hasReach) problems.push(...missing(decoded.present, hasNlri));
  if (hasNlri && hasIpv4) {
    announced.push({ block: { family: 4, bytes, start: attributesEnd, end, addPath }, attributes: decoded.attributes });
  }
  if (decoded.mpReach !== undefined) {
    const { block, nextHop, linkLocal } = decoded.mpReach;
    announced.push({ block, attributes: withNextHop(decoded.attributes, nextHop, linkLocal) });
  }
  if (problems.some(({ action }) => action === 'withdraw')) {
    // RFC 7606 5.2: without reachable prefixes there is nothing that could be treated as withdrawn.
    if (!hasReach) return reset(1, problems.map(({ reason }) => reason).join('; '));
    for (const { block } of announced.splice(0)) withdrawn.push(block);
  }
  return { kind: 'update', withdrawn, announced, endOfRib: endOfRibOf(bytes, start, end, decoded, context), problems };
}

/** Well-known mandatory attributes that are not there (RFC 4271 6.3; RFC 7606 3 d). */
function missing(present: ReadonlySet<number>, hasNlri: boolean): AttributeProblem[] {
  const needed = [attributeCode.origin, attributeCode.asPath, ...(hasNlri ? [attributeCode.nextHop] : [])];
  return needed
    .filter((code) => !present.has(code))
    .map((code) => ({ code, action: 'withdraw', reason: `attribute ${code} is missing` }));
}

function withNextHop(attributes: PathAttributes, nextHop: IpAddress, linkLocal: IpAddress | undefined): PathAttributes {
  return { ...attributes, nextHop, ...(linkLocal === undefined ? {} : { linkLocalNextHop: linkLocal }) };
}

/** RFC 4724 2: an UPDATE without anything for IPv4 unicast, else one with only an empty MP_UNREACH_NLRI. */
function endOfRibOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  decoded: Extract<AttributesResult, { kind: 'decoded' }>,
  context: UpdateContext,
): Family | undefined {
  if (end - start === 4) return context.families.includes(4) ? 4 : undefined;
  const { mpUnreach, present } = decoded;
  const isEmpty = mpUnreach !== undefined && mpUnreach.start === mpUnreach.end;
  return isEmpty && present.size === 1 && u16(bytes, start) === 0 ? mpUnreach.family : undefined;
}
