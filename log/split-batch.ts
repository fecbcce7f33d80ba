import { CONTROL_BIT, TRANSACTIONAL_BIT } from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { BatchHeader } from "./batch.ts";
import type { BatchOptions, Engine, SplitOptions } from "./engine.ts";
import type { LogRecord } from "./record.ts";

const SEQUENCES = 2 ** 31;

/** `Engine.splitBatch`. */
export function splitBatch(engine: Engine, batch: Uint8Array, options: SplitOptions): Uint8Array[] {
  const header = new BatchHeader(batch);
  const records = [...engine.readBatch(batch, options.uncompressedBytesMax)];
  if (records.length === 0 || records.length !== header.lastOffsetDelta + 1)
    throw new KafkaError(ErrorCode.INVALID_RECORD, "only a batch that a producer sealed can be split");
  if (header.bytes <= options.bytesMax) return [batch.slice(0, header.bytes)];
  const sealed: Uint8Array[] = [];
  // What is still to be sealed, the next piece last.
  const waiting = halves(records);
  let sequence = header.baseSequence;
  for (let piece = waiting.pop(); piece !== undefined; piece = waiting.pop()) {
    const result = seal(engine, piece, batchOptions(header, sequence, options.bytesMax));
    if (result === undefined) {
      waiting.push(...halves(piece));
      continue;
    }
    sealed.push(result);
    // Sequences start again from 0, as in Kafka; -1 is none.
    if (sequence >= 0) sequence = (sequence + piece.length) % SEQUENCES;
  }
  return sealed;
}

/** The batch, undefined when its records must be split further. */
function seal(engine: Engine, records: readonly LogRecord[], options: BatchOptions): Uint8Array | undefined {
  try {
    return engine.writeBatch(records, options);
  } catch (error) {
    const isTooLarge = error instanceof KafkaError && error.code === ErrorCode.MESSAGE_TOO_LARGE;
    if (isTooLarge && records.length > 1) return undefined;
    throw error;
  }
}

/** Both about as large, neither empty; the first half last. One record is the whole. */
function halves(records: readonly LogRecord[]): (readonly LogRecord[])[] {
  if (records.length === 1) return [records];
  const bytes = records.map(bytesOf);
  const half = bytes.reduce((sum, each) => sum + each, 0) / 2;
  let middle = 0;
  for (let sum = 0; middle < records.length - 1 && sum < half; middle++) sum += bytes[middle] ?? 0;
  return [records.slice(middle), records.slice(0, middle)];
}

/** Near enough: what counts is that the halves are alike. */
function bytesOf({ key, value, headers }: LogRecord): number {
  const inHeaders = headers.reduce((sum, header) => sum + header.key.length + (header.value?.length ?? 0), 0);
  return (key?.length ?? 0) + (value?.length ?? 0) + inHeaders + 10;
}

function batchOptions(header: BatchHeader, baseSequence: number, bytesMax: number): BatchOptions {
  return {
    codec: header.codec,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence,
    transactional: (header.attributes & TRANSACTIONAL_BIT) !== 0,
    control: (header.attributes & CONTROL_BIT) !== 0,
    bytesMax,
  };
}
