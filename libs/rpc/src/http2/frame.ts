/** Frames of HTTP/2 (RFC 9113 sections 4 and 6). */

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes (RFC 9113 section 7). */
export const errorCodes = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export const settings = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindow: 4,
  maxFrame: 5,
} as const;

/** What a client says first (RFC 9113 section 3.4). */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** The longest frame that a peer sends unless it is told that it may send longer ones. */
export const maxFrameLength = 16_384;
const headLength = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0: the connection. */
  readonly stream: number;
  readonly payload: Buffer;
}

/** What is wrong with a connection, by its code. */
export class Http2Error extends Error {
  override readonly name = 'Http2Error';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Cuts bytes, as they come, into frames. */
export class FrameReader {
  #rest: Buffer | undefined;

  /** Hands over the frames that these bytes complete. @throws Http2Error for a frame that is too long. */
  push(bytes: Buffer, take: (frame: Frame) => void): void {
    const all = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#rest = undefined;
    let at = 0;
    while (all.length - at >= headLength) {
      const length = all.readUIntBE(at, 3);
      if (length > maxFrameLength) throw new Http2Error(errorCodes.frameSize, `a frame of ${length} octets`);
      const end = at + headLength + length;
      if (end > all.length) break;
      take({
        type: all[at + 3] ?? 0,
        flags: all[at + 4] ?? 0,
        stream: all.readUInt32BE(at + 5) & 0x7fff_ffff,
        payload: all.subarray(at + headLength, end),
      });
      at = end;
    }
    if (at < all.length) this.#rest = all.subarray(at);
  }
}

/** The head of a frame, before a payload of a length. */
export function frameHead(type: number, flagBits: number, stream: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(headLength);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flagBits;
  head.writeUInt32BE(stream, 5);
  return head;
}

export function frame(type: number, flagBits: number, stream: number, payload: Buffer): Buffer {
  return Buffer.concat([frameHead(type, flagBits, stream, payload.length), payload]);
}

/** A frame whose payload is one 32-bit number: RST_STREAM, WINDOW_UPDATE. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value);
  return frame(type, 0, stream, payload);
}

export function settingsFrame(values: readonly (readonly [setting: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * values.length);
  for (const [index, [setting, value]] of values.entries()) {
    payload.writeUInt16BE(setting, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(frameTypes.settings, 0, 0, payload);
}

/** The payload of DATA or HEADERS without its padding and priority (RFC 9113 sections 6.1 and 6.2). @throws Http2Error */
export function unpadded({ type, flags: bits, payload }: Frame): Buffer {
  let start = 0;
  let end = payload.length;
  if ((bits & flags.padded) !== 0) {
    start = 1;
    end -= payload[0] ?? 0;
  }
  if (type === frameTypes.headers && (bits & flags.priority) !== 0) start += 5;
  if (start > end) throw new Http2Error(errorCodes.protocol, 'more padding than frame');
  return payload.subarray(start, end);
}
