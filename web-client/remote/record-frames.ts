/** Records on their way to the page: the bytes that the engine has decoded, handed over and not copied, and where records lie in them. */
import type { LogRecord } from "../../log/record.ts";
import { DescribedRecords, tableOf } from "../../log/record-table.ts";
import type { TableRun } from "../../log/record-table.ts";
import type { LocalBatch } from "../core/local-record.ts";
import type { PendingEntry } from "../core/pending-tracker.ts";
import type { RecordBatch } from "../core/record-batch.ts";
import { Handed } from "./service.ts";
import type { Far } from "./service.ts";

export type RecordFrame =
  | (TableRun & { readonly partition: number; readonly count: number })
  /** Those that do not lie in a row in one table, as copies. */
  | { readonly partition: number; readonly records: readonly LogRecord[] };

/** What a loose record counts besides its bytes. */
const RECORD_BYTES = 200;

/** The buffers of a batch are gone here once its frame is sent. */
export async function* framed(
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<Handed<RecordFrame>, void, void> {
  for await (const batch of batches) yield frameOf(batch);
}

/** What is read with `pending`. */
export type LocalFrame =
  | { readonly frame: RecordFrame; readonly ids: ReadonlyMap<bigint, number> | undefined }
  | { readonly pending: readonly PendingEntry[] };

/** As `framed`. */
export async function* framedLocal(
  batches: AsyncIterable<LocalBatch>,
): AsyncGenerator<Handed<LocalFrame>, void, void> {
  for await (const batch of batches) {
    if ("pending" in batch) {
      const pending = batch.pending.map((entry) => ({ ...entry, ...ownBytes(entry) }));
      yield new Handed({ pending }, [], pending.reduce(bytesWith, 0));
    } else {
      const { value: frame, transfer, bytes } = frameOf(batch);
      yield new Handed({ frame, ids: batch.ids }, transfer, bytes);
    }
  }
}

export async function* unframedLocal(
  frames: AsyncIterable<LocalFrame>,
): AsyncGenerator<LocalBatch, void, void> {
  for await (const each of frames) yield "pending" in each ? each : { ...batchOf(each.frame), ids: each.ids };
}

export function frameOf({ partition, records }: RecordBatch): Handed<RecordFrame> {
  const table = tableOf(records);
  if (table === undefined) {
    const loose = records.map(copyOf);
    return new Handed({ partition, records: loose }, [], loose.reduce(bytesWith, 0));
  }
  const { bytes, words } = table.parts;
  if (words.buffer.byteLength === 0) throw new Error("these records were handed to the page before");
  return new Handed(
    { ...table, partition, count: records.length },
    [bytes.buffer, words.buffer],
    bytes.byteLength + words.byteLength,
  );
}

export async function* unframed(frames: AsyncIterable<RecordFrame>): AsyncGenerator<RecordBatch, void, void> {
  for await (const frame of frames) yield batchOf(frame);
}

/** For streams that end with the client. */
export async function* whileOpen<T>(
  far: Pick<Far<never, never, never>, "isOver">,
  batches: AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  try {
    yield* batches;
  } catch (error) {
    if (!far.isOver(error)) throw error;
  }
}

export function batchOf(frame: RecordFrame): RecordBatch {
  if ("records" in frame) return frame;
  const { partition, parts, first, step, count } = frame;
  const table = new DescribedRecords(parts);
  return { partition, records: Array.from({ length: count }, (_, index) => table.at(first + step * index)) };
}

/** A clone of a view would take all that it is a view on. */
export function copyOf({ offset, timestamp, key, value, headers }: LogRecord): LogRecord {
  return {
    offset,
    timestamp,
    ...ownBytes({ key, value }),
    headers: headers.map((header) => ({ key: header.key, value: header.value?.slice() ?? null })),
  };
}

export function ownBytes({ key, value }: Pick<LogRecord, "key" | "value">): Pick<LogRecord, "key" | "value"> {
  return { key: key?.slice() ?? null, value: value?.slice() ?? null };
}

function bytesWith(
  sum: number,
  { key, value, headers }: Pick<LogRecord, "key" | "value" | "headers">,
): number {
  return headers.reduce(
    (all, header) => all + header.key.length + (header.value?.byteLength ?? 0),
    sum + RECORD_BYTES + (key?.byteLength ?? 0) + (value?.byteLength ?? 0),
  );
}
