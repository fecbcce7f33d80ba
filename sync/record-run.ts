/**
 * Records that were published in one go, as one block of bytes and one of numbers: from the page to the device's store they are
 * handed on as they are, and nothing is made for each of them before it is sealed.
 *
 *     bytes     key, value, key, value, ...
 *     numbers   of each record: bytes of its key (-1: null), bytes of its value (-1: null), timestamp (NaN: the app gave none)
 */
import type { RecordHeader } from "../log/record.ts";

export interface RecordRun {
  readonly bytes: Uint8Array;
  readonly numbers: Float64Array;
  /** Of each record; undefined: none has any. */
  readonly headers: readonly (readonly RecordHeader[])[] | undefined;
}

/** Numbers of each record. */
export const RUN_NUMBERS = 3;

export function countOf({ numbers }: RecordRun): number {
  return numbers.length / RUN_NUMBERS;
}
