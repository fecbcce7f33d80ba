/** Where the next varint begins. */
let position = 0;

/**
 * Walks the records of a batch in JavaScript, without an object for any, and sums up each one's timestamp delta, value length and
 * first byte of the value.
 */
export function visitRecords(bytes: Uint8Array, count: number): number {
  let sum = 0;
  position = 0;
  for (let index = 0; index < count; index++) {
    const length = varint(bytes);
    const end = position + length;
    position++; // attributes
    sum += varint(bytes);
    varint(bytes); // offset delta
    const keyLength = varint(bytes);
    if (keyLength > 0) position += keyLength;
    const valueLength = varint(bytes);
    sum += valueLength + (bytes[position] ?? 0);
    position = end;
  }
  if (position !== bytes.length) throw new Error("the records do not fill their bytes");
  return sum;
}

/** Zigzag, of at most 32 bits. */
function varint(bytes: Uint8Array): number {
  let byte = bytes[position++] ?? 0;
  if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
  let value = byte & 127;
  let shift = 7;
  do {
    byte = bytes[position++] ?? 0;
    value |= (byte & 127) << shift;
    shift += 7;
  } while (byte > 127);
  return (value >>> 1) ^ -(value & 1);
}
