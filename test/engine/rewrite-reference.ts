/** Kafka's rules for a batch that compaction writes again, said as simply as can be, to test the engine against. */
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  CODEC_MASK,
  DELETE_HORIZON_BIT,
  LOG_APPEND_TIME_BIT,
  MAX_TIMESTAMP_AT,
  RECORDS_COUNT_AT,
} from "../../engine-as/format.ts";
import { resealed } from "./batches.ts";

interface Piece {
  attributes: number;
  timestampDelta: bigint;
  /** From the offset delta to the end. */
  rest: Uint8Array;
}

function varint(bytes: Uint8Array, at: number): [value: bigint, next: number] {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++] ?? 0;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n)), at];
  }
}

function varintBytes(value: bigint): number[] {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

function split(records: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < records.length;) {
    const [length, begin] = varint(records, at);
    at = begin + Number(length);
    const [timestampDelta, restAt] = varint(records, begin + 1);
    pieces.push({ attributes: records[begin] ?? 0, timestampDelta, rest: records.subarray(restAt, at) });
  }
  return pieces;
}

export interface Expected {
  /** Its length and CRC are those of records that are not compressed. */
  batch: Uint8Array;
  isVerbatim: boolean;
}

/** `records`: those of `batch`, decompressed. */
export function rewritten(
  batch: Uint8Array,
  records: Uint8Array,
  keep: (index: number) => boolean,
  horizon: bigint,
): Expected {
  const header = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const attributes = header.getInt16(ATTRIBUTES_AT);
  const hadHorizon = (attributes & DELETE_HORIZON_BIT) !== 0;
  const setsHorizon = horizon >= 0n && !hadHorizon;
  const pieces = split(records);
  const kept = pieces.filter((_, index) => keep(index));
  if (kept.length === pieces.length && (pieces.length === 0 || !setsHorizon))
    return { batch, isVerbatim: true };

  const base = header.getBigInt64(BASE_TIMESTAMP_AT);
  const greatest = header.getBigInt64(MAX_TIMESTAMP_AT);
  const isLogAppendTime = (attributes & LOG_APPEND_TIME_BIT) !== 0;
  const times = kept.map((piece) => (isLogAppendTime ? greatest : base + piece.timestampDelta));
  const newBase = setsHorizon ? horizon : hadHorizon ? base : (times[0] ?? -1n);
  const bodies = kept.flatMap((piece, index) => {
    const body = [piece.attributes, ...varintBytes((times[index] ?? 0n) - newBase), ...piece.rest];
    return [...varintBytes(BigInt(body.length)), ...body];
  });

  const result = new Uint8Array([...batch.subarray(0, BATCH_HEADER_BYTES), ...bodies]);
  const view = new DataView(result.buffer);
  const isEmpty = kept.length === 0;
  if (isEmpty) view.setInt16(ATTRIBUTES_AT, attributes & ~(CODEC_MASK | DELETE_HORIZON_BIT));
  else if (setsHorizon) view.setInt16(ATTRIBUTES_AT, attributes | DELETE_HORIZON_BIT);
  view.setBigInt64(BASE_TIMESTAMP_AT, isEmpty ? -1n : newBase);
  if (!isEmpty && !isLogAppendTime)
    view.setBigInt64(
      MAX_TIMESTAMP_AT,
      times.reduce((most, time) => (time > most ? time : most), -1n),
    );
  view.setInt32(RECORDS_COUNT_AT, kept.length);
  return { batch: resealed(result), isVerbatim: false };
}
