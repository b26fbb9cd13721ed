/**
 * What nft keeps in NFTA_RULE_USERDATA and NFTA_SET_USERDATA for itself, as libnftnl's udata.h lays it
 * out: type byte, length byte, value. The kernel stores it without looking.
 */

/** NFTNL_UDATA_RULE_COMMENT. */
const RULE_COMMENT = 0;
/** NFTNL_UDATA_SET_KEYBYTEORDER. */
const SET_KEY_BYTE_ORDER = 0;
/** NFTNL_UDATA_COMMENT_MAXLEN, its closing NUL included. */
const COMMENT_MAX_BYTES = 128;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A rule's comment, cut to the 127 bytes that nft accepts. */
export function encodeRuleComment(comment: string): Uint8Array {
  const text = encoder.encode(comment).subarray(0, COMMENT_MAX_BYTES - 1);
  const bytes = new Uint8Array(3 + text.length);
  bytes[0] = RULE_COMMENT;
  bytes[1] = text.length + 1;
  bytes.set(text, 2);
  return bytes;
}

/** The comment of a rule's user data, if it has one. */
export function decodeRuleComment(userData: Uint8Array): string | undefined {
  let at = 0;
  while (at + 2 <= userData.length) {
    const type = userData[at];
    const length = userData[at + 1] ?? 0;
    const value = userData.subarray(at + 2, at + 2 + length);
    if (type === RULE_COMMENT) return decoder.decode(value.at(-1) === 0 ? value.subarray(0, -1) : value);
    at += 2 + length;
  }
  return undefined;
}

/** How nft is to read a set's keys when it lists them. `mixed` for concatenations. */
export type KeyByteOrder = 'host' | 'network' | 'mixed';

const byteOrderNumber: Readonly<Record<KeyByteOrder, number>> = { mixed: 0, host: 1, network: 2 };

/** Set user data that names the byte order of its keys; without it nft lists interface names as "". */
export function encodeKeyByteOrder(order: KeyByteOrder): Uint8Array {
  return Uint8Array.of(SET_KEY_BYTE_ORDER, 4, byteOrderNumber[order], 0, 0, 0);
}
