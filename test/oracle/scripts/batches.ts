/** Batches that scripts produce: sealed by the engine, and altered where a script wants them wrong. */
import { ATTRIBUTES_AT, CRC_AT, MAGIC_AT } from "../../../engine-as/format.ts";
import { BatchHeader } from "../../../log/batch.ts";
import type { RecordInput } from "../../../log/record.ts";
import { loadEngine } from "../../engine/load.ts";
import { AN_HOUR_AGO } from "../normalise.ts";

const engine = loadEngine();
const encoder = new TextEncoder();

export interface Sealing {
  readonly codec?: number;
  readonly producerId?: bigint;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
}

/** A batch of these values, a second apart from an hour ago on. */
export function batchOf(values: readonly string[], sealing: Sealing = {}): Uint8Array {
  return sealed(
    values.map((value, index) => recordOf(value, AN_HOUR_AGO + 1000 * index)),
    sealing,
  );
}

export function recordOf(value: string, timestamp: number, key: string | null = null): RecordInput {
  return { key: key === null ? null : encoder.encode(key), value: encoder.encode(value), timestamp };
}

export function sealed(records: readonly RecordInput[], sealing: Sealing = {}): Uint8Array {
  const { codec = 0, producerId = -1n, producerEpoch = -1, baseSequence = -1, ...kind } = sealing;
  return engine.writeBatch(records, {
    codec,
    producerId,
    producerEpoch,
    baseSequence,
    bytesMax: 2 ** 27,
    ...kind,
  });
}

/** The batch with some of its header's fields altered and, unless it is told not to, a CRC that fits. */
export function altered(
  batch: Uint8Array,
  alter: (view: DataView) => void,
  { keepsCrc = false } = {},
): Uint8Array {
  const copy = batch.slice();
  const view = new DataView(copy.buffer);
  alter(view);
  if (!keepsCrc) view.setUint32(CRC_AT, engine.crc32c(copy.subarray(ATTRIBUTES_AT)));
  return copy;
}

export function withMagic(batch: Uint8Array, magic: number): Uint8Array {
  return altered(batch, (view) => view.setInt8(MAGIC_AT, magic));
}

export function lastOffsetIn(batch: Uint8Array): bigint {
  return new BatchHeader(batch).lastOffset;
}
