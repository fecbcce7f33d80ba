/** Record values of the workload: text `<id> <padding>`, where id is `<producer>:<number>`. */
import type { RecordHeader } from "../../../log/record.ts";

interface Content {
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

const ID_HEADER = "id";
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

/** What a record with this id has besides its key: a tombstone has no value, and says who it is in a header. */
export function contentOf(
  id: string,
  paddingBytes: number,
  isTombstone: boolean,
): { value: Uint8Array | null; headers?: RecordHeader[] } {
  if (!isTombstone) return { value: valueOf(id, paddingBytes) };
  return { value: null, headers: [{ key: ID_HEADER, value: encoder.encode(id) }] };
}

/** The id at the start of a value, or in the header of a tombstone; throws when the record is none of the workload's. */
export function idOf({ value, headers }: Content): string {
  const named = value === null ? headers.find(({ key }) => key === ID_HEADER)?.value : undefined;
  const id = named ?? value?.subarray(0, Math.max(0, value.indexOf(0x20)));
  if (id === undefined || !id.includes(0x3a))
    throw new Error(
      `a value that nobody published: ${value === null ? "null" : decoder.decode(value.slice(0, 40))}`,
    );
  return decoder.decode(id);
}
