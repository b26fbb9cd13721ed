/** The frames between the exec'd client and the server; described in `native/PROTOCOL.md`. */

export type Program = 'calico' | 'calico-ipam';

/** One exec of a plug-in: everything that decides what it has to do. */
export interface Call {
  readonly program: Program;
  /** The CNI_* environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** What the exec'd program prints, and its exit code. */
export interface Answer {
  readonly stdout: string;
  readonly exitCode: number;
  /** The error code of the specification that it carries. */
  readonly errorCode?: number;
}

export const maxFrameBytes = 1 << 20;
const magic = Buffer.from('CCN1');

export type RequestParse =
  | { readonly state: 'incomplete' }
  | { readonly state: 'complete'; readonly call: Call }
  | { readonly state: 'malformed'; readonly reason: string };

function parseBody(body: Buffer): RequestParse {
  const strings: string[] = [];
  let at = 0;
  for (;;) {
    const end = body.indexOf(0, at);
    if (end < 0) return { state: 'malformed', reason: 'a string is not closed' };
    const text = body.toString('utf8', at, end);
    at = end + 1;
    if (text === '' && strings.length > 0) break;
    strings.push(text);
  }
  const [program, ...assignments] = strings;
  if (program !== 'calico' && program !== 'calico-ipam') {
    return { state: 'malformed', reason: `unknown program '${String(program)}'` };
  }
  const variables: Record<string, string> = {};
  for (const assignment of assignments) {
    const split = assignment.indexOf('=');
    if (split > 0) variables[assignment.slice(0, split)] = assignment.slice(split + 1);
  }
  return { state: 'complete', call: { program, variables, stdin: body.toString('utf8', at) } };
}

/** Reads what has arrived of a request. Bytes after the request are malformed: one connection, one call. */
export function parseRequest(bytes: Buffer): RequestParse {
  const head = bytes.subarray(0, 4);
  if (!magic.subarray(0, head.length).equals(head)) return { state: 'malformed', reason: 'not a CNI client' };
  if (bytes.length < 8) return { state: 'incomplete' };
  const length = bytes.readUInt32BE(4);
  if (length > maxFrameBytes) return { state: 'malformed', reason: `${length} bytes announced` };
  if (bytes.length < 8 + length) return { state: 'incomplete' };
  if (bytes.length > 8 + length) return { state: 'malformed', reason: 'bytes after the request' };
  return parseBody(bytes.subarray(8));
}

/** The request that `native/cni-client.c` sends. */
export function encodeRequest(call: Call): Buffer {
  const strings = [call.program, ...Object.entries(call.variables).map(([name, value]) => `${name}=${value}`), ''];
  const body = Buffer.from(strings.map((text) => `${text}\0`).join('') + call.stdin);
  const head = Buffer.alloc(8);
  magic.copy(head);
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

export function encodeAnswer(answer: Answer): Buffer {
  const body = Buffer.from(answer.stdout);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 0);
  head.writeUInt8(answer.exitCode & 0xff, 4);
  return Buffer.concat([head, body]);
}
