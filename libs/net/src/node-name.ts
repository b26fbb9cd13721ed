import type { Branded } from './brand.ts';
import { NetParseError } from './net-parse-error.ts';

/** The name of a node: an RFC 1123 subdomain in lower case, 253 characters at most. */
export type NodeName = Branded<string, 'NodeName'>;

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const NODE_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Throws NetParseError; the name is not lower-cased for the caller, since two nodes could then share one. */
export function parseNodeName(text: string): NodeName {
  if (text.length > 253 || !NODE_NAME.test(text)) {
    throw new NetParseError(
      'invalid-node-name',
      text,
      `"${text}" is not a node name: use lower-case letters, digits, "-" and ".", 253 characters at most`,
    );
  }
  return text as NodeName;
}
