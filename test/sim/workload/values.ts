/** Record values of the workload: text `<id> <padding>`, where id is `<producer>:<number>`. */
const PADDING = "the bytes a producer sealed are the bytes on disk, in IndexedDB and on every wire; ".repeat(
  40,
);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The id of a producer's record. `producer` holds neither a space nor a colon. */
export function recordId(producer: string, number: number): string {
  return `${producer}:${number}`;
}

/** The value of record `id`, with `paddingBytes` more bytes to make it as long as wanted. */
export function valueOf(id: string, paddingBytes: number): Uint8Array {
  let padding = PADDING;
  while (padding.length < paddingBytes) padding += PADDING;
  return encoder.encode(`${id} ${padding.slice(0, paddingBytes)}`);
}

/** The id at the start of a value; throws when the value is none of the workload's. */
export function idOf(value: Uint8Array | null): string {
  const end = value === null ? -1 : value.indexOf(0x20);
  if (value === null || end < 0 || !value.subarray(0, end).includes(0x3a))
    throw new Error(
      `a value that nobody published: ${value === null ? "null" : decoder.decode(value.slice(0, 40))}`,
    );
  return decoder.decode(value.subarray(0, end));
}
