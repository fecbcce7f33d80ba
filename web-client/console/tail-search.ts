/** Which records of a tail are shown: those from a time on, and those that have a text in their key or value. */
import type { TailRow } from "./tail-buffer.ts";
import type { TailStart } from "./tail-source.ts";

/** More of a value than this is not looked through. */
const SEARCHED_BYTES_MAX = 1_000_000;
const decoder = new TextDecoder();

/** Whether a row is wanted. Letters count the same large and small; bytes that are no text are compared as far as they are. */
export function rowFilter(search: string, start: TailStart): (row: TailRow) => boolean {
  const wanted = search.toLowerCase();
  const from = start.at === "time" ? start.timestampMs : undefined;
  return ({ key, value, timestamp }) =>
    (from === undefined || timestamp >= from) && (wanted === "" || has(key, wanted) || has(value, wanted));
}

function has(bytes: Uint8Array | null, wanted: string): boolean {
  return (
    bytes !== null && decoder.decode(bytes.subarray(0, SEARCHED_BYTES_MAX)).toLowerCase().includes(wanted)
  );
}
