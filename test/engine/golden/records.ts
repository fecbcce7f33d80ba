/** Records with everything that records may have, and ways to damage a batch of them. */
import type { RecordInput } from "../../../log/record.ts";
import { BASE_TIMESTAMP, resealed, utf8 } from "../batches.ts";

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export const RECORDS: readonly RecordInput[] = [
  {
    key: utf8("o-17"),
    value: utf8("paid"),
    timestamp: BASE_TIMESTAMP,
    headers: [
      { key: "trace", value: utf8("a1") },
      { key: "trace", value: null },
    ],
  },
  { key: null, value: new Uint8Array(0), timestamp: BASE_TIMESTAMP - 3 },
  { key: new Uint8Array(0), value: null, timestamp: BASE_TIMESTAMP + 2 ** 33 },
  { key: utf8("Größe"), value: new Uint8Array(300).fill(0x2e), timestamp: BASE_TIMESTAMP },
];

/** A batch with one field set to something else, sealed again unless its CRC is to be wrong. */
export function changed(batch: Uint8Array, change: (view: DataView) => void, seal = true): Uint8Array {
  const bytes = Uint8Array.from(batch);
  change(new DataView(bytes.buffer));
  return seal ? resealed(bytes) : bytes;
}
