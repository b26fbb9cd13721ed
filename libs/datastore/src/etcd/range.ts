/** A key, or the end of a range, as etcd's bytes. */
export function keyBytes(key: string): Buffer {
  return Buffer.from(key, 'utf8');
}

/** The end of the range of keys with a prefix: the prefix with its last byte raised; all keys for none. */
export function prefixEnd(prefix: string): Buffer {
  const end = keyBytes(prefix);
  for (let last = end.length - 1; last >= 0; last--) {
    const byte = end[last] ?? 0xff;
    if (byte < 0xff) {
      end[last] = byte + 1;
      return end.subarray(0, last + 1);
    }
  }
  return Buffer.of(0);
}

/** The first key after another in etcd's byte order. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}
