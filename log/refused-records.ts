/** Which records of a batch are to blame when it is refused (KIP-467). Read only then: it costs an object for each record. */
import type { RecordError } from "../wire/errors.ts";
import type { Engine } from "./engine.ts";
import type { LogRecord } from "./record.ts";

/** Records that one answer names at most: a batch of a hundred thousand may be wrong in each. */
const RECORDS_MAX = 100;

export interface SoundBatch {
  readonly engine: Engine;
  /** Its records have been read once: they are sound. */
  readonly batch: Uint8Array;
  /** Bounds what a compressed batch may become. */
  readonly uncompressedBytesMax: number;
}

/** The first records that `complaint` has something to say about. */
export function refusedRecords(
  { engine, batch, uncompressedBytesMax }: SoundBatch,
  complaint: (record: LogRecord) => string | undefined,
): RecordError[] {
  const table = engine.readBatch(batch, uncompressedBytesMax);
  const found: RecordError[] = [];
  for (let index = 0; index < table.count && found.length < RECORDS_MAX; index++) {
    const message = complaint(table.at(index));
    if (message !== undefined) found.push({ index, message });
  }
  return found;
}
