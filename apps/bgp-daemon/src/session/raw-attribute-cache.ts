import type { AttributeCache, AttributesResult } from '@calico-node/bgp';

const maxEntries = 8192;

/** Decoded attribute lists of one session by their octets. Bounded: it starts over when full. */
export class RawAttributeCache implements AttributeCache {
  readonly #entries = new Map<string, AttributesResult>();

  lookup(bytes: Uint8Array, start: number, end: number): AttributesResult | undefined {
    return this.#entries.get(keyOf(bytes, start, end));
  }

  store(bytes: Uint8Array, start: number, end: number, result: AttributesResult): void {
    if (this.#entries.size >= maxEntries) this.#entries.clear();
    this.#entries.set(keyOf(bytes, start, end), result);
  }
}

function keyOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);
}
