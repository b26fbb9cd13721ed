/*
 * A start-up snapshot of Node.js 24 ends with the compiled code of all of its own modules, as pairs of a name and bytes:
 * `u64 pairs, (u64 length, name, u64 length, bytes)...`, in the order of bytes of the machine. It is nearly half of the
 * file, which is read whole on each start, and of use only for modules that were not loaded when the snapshot was made.
 * Node.js can leave it out, but then leaves out the program's compiled code too.
 */
const LENGTH_BYTES = 8;
const MODULE = /^[\w/.-]+$/;

/** How many modules there are, in any release. */
const FEWEST = 100;
const MOST = 1000;

/** The snapshot without that code; as it is, where it does not end so: then it is of another release. */
export function withoutCodeCache(snapshot: Buffer): Buffer {
  for (let start = 0; start + LENGTH_BYTES <= snapshot.length; start++) {
    if (!endsAfterPairs(snapshot, start)) continue;
    return Buffer.concat([snapshot.subarray(0, start), Buffer.alloc(LENGTH_BYTES)]);
  }
  return snapshot;
}

/** Whether a list of pairs begins at an offset and ends with the file. */
function endsAfterPairs(bytes: Buffer, start: number): boolean {
  const pairs = lengthAt(bytes, start);
  if (!(pairs >= FEWEST && pairs <= MOST)) return false;
  let at = start + LENGTH_BYTES;
  for (let pair = 0; pair < pairs; pair++) {
    const name = at + LENGTH_BYTES;
    const afterName = name + lengthAt(bytes, at);
    if (!(afterName - name < 200) || !MODULE.test(bytes.toString('latin1', name, afterName))) return false;
    at = afterName + LENGTH_BYTES + lengthAt(bytes, afterName);
  }
  return at === bytes.length;
}

/** NaN beyond the end. */
function lengthAt(bytes: Buffer, offset: number): number {
  return offset + LENGTH_BYTES <= bytes.length ? Number(bytes.readBigUInt64LE(offset)) : NaN;
}
