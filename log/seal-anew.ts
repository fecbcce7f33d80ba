/**
 * What a leader makes of a batch before it has an offset: sealed anew, once, where the topic asks for another codec or for
 * the time of the append, or where the header tells another greatest timestamp than the records have. From then on its bytes
 * are the log's.
 */
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CODEC_MASK,
  CODEC_NONE,
  CRC_AT,
  LOG_APPEND_TIME_BIT,
  MAX_TIMESTAMP_AT,
  RECORDS_AT,
} from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { BatchCheck, ProducedBatch } from "./batch-check.ts";
import type { BatchHeader } from "./batch.ts";

/** The batch as it is stored; the one that was given, changed in place, unless its codec is another. Throws KafkaError. */
export function sealAnew(
  batch: Uint8Array,
  { header, maxTimestamp }: ProducedBatch,
  check: BatchCheck,
): Uint8Array {
  const { config, engine, nowMs } = check;
  const codec = config.codec ?? header.codec;
  const timestamp = config.isLogAppendTime ? BigInt(nowMs) : maxTimestamp;
  if (codec === header.codec && !config.isLogAppendTime && timestamp === header.maxTimestamp) return batch;
  const sealed = codec === header.codec ? batch : recompressed(batch, header, codec, check);
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const timeBit = config.isLogAppendTime ? LOG_APPEND_TIME_BIT : 0;
  view.setInt16(ATTRIBUTES_AT, (header.attributes & ~CODEC_MASK) | codec | timeBit);
  view.setBigInt64(MAX_TIMESTAMP_AT, timestamp);
  view.setUint32(CRC_AT, engine.crc32c(sealed.subarray(ATTRIBUTES_AT)));
  return sealed;
}

function recompressed(
  batch: Uint8Array,
  header: BatchHeader,
  codec: number,
  { engine, config, uncompressedBytesMax }: BatchCheck,
): Uint8Array {
  const given = batch.subarray(RECORDS_AT);
  const records =
    header.codec === CODEC_NONE ? given : engine.decompress(header.codec, given, uncompressedBytesMax);
  const body = codec === CODEC_NONE ? records : engine.compress(codec, records);
  const bytes = RECORDS_AT + body.length;
  if (bytes > config.maxMessageBytes) {
    throw new KafkaError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `in the topic's own codec the batch has ${bytes} bytes, and max.message.bytes is ${config.maxMessageBytes}: send smaller batches`,
    );
  }
  const sealed = new Uint8Array(bytes);
  sealed.set(batch.subarray(0, RECORDS_AT));
  sealed.set(body, RECORDS_AT);
  new DataView(sealed.buffer).setInt32(BATCH_LENGTH_AT, bytes - BATCH_OVERHEAD_BYTES);
  return sealed;
}
