import { crc32c } from "@node-rs/crc32";
import { ATTRIBUTES_AT, BATCH_LENGTH_AT, BATCH_OVERHEAD_BYTES, CRC_AT } from "../../engine-as/format.ts";
import type { BatchOptions } from "../../log/engine.ts";
import type { RecordInput } from "../../log/record.ts";
import type { Random } from "./random.ts";

export const BASE_TIMESTAMP = 1_760_000_000_000;

/** What a plain producer sets. */
export function options(changes: Partial<BatchOptions> = {}): BatchOptions {
  return { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 24, ...changes };
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Records with everything that may differ between two records. */
export function randomRecords(random: Random, count: number, valueBytesMax = 200): RecordInput[] {
  return Array.from({ length: count }, () => ({
    key: random.oneIn(3) ? null : random.bytes(random.below(random.oneIn(20) ? 300 : 20)),
    value: random.oneIn(8) ? null : random.text(random.below(valueBytesMax)),
    timestamp: BASE_TIMESTAMP + random.below(random.oneIn(10) ? 2 ** 40 : 5000) - 2500,
    headers: Array.from({ length: random.oneIn(4) ? random.below(4) : 0 }, (_, index) => ({
      key: ["", "trace", "überschrift", "日本語", "👩‍🚀"][random.below(5)] + String(index % 2),
      value: random.oneIn(4) ? null : random.bytes(random.below(30)),
    })),
  }));
}

/** What readers must find of records that were written: times, nulls, empty values and repeated header keys kept. */
export function comparable(records: Iterable<RecordInput>): unknown[] {
  const hex = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString("hex");
  return [...records].map((record) => ({
    timestamp: record.timestamp,
    key: hex(record.key),
    value: hex(record.value),
    headers: (record.headers ?? []).map((header) => [header.key, hex(header.value)]),
  }));
}

/** Sets a batch's length and CRC to what its bytes are, so that damage inside is not given away by them. */
export function resealed(batch: Uint8Array): Uint8Array {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  view.setInt32(BATCH_LENGTH_AT, batch.length - BATCH_OVERHEAD_BYTES);
  view.setUint32(CRC_AT, crc32c(batch.subarray(ATTRIBUTES_AT)));
  return batch;
}
