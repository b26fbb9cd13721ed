export type NetParseErrorCode =
  | 'invalid-ip'
  | 'invalid-cidr'
  | 'missing-prefix-length'
  | 'invalid-prefix-length'
  | 'host-bits-set'
  | 'invalid-mac'
  | 'invalid-wireguard-key'
  | 'invalid-asn'
  | 'invalid-node-name';

/** Text that is not what it should be; `input` is the text as given. */
export class NetParseError extends Error {
  override readonly name = 'NetParseError';
  readonly code: NetParseErrorCode;
  readonly input: string;

  constructor(code: NetParseErrorCode, input: string, message: string) {
    super(message);
    this.code = code;
    this.input = input;
  }
}
