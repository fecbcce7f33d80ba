/** Records as they are read, batch by batch; the app gets them one by one, as its types. */
import type { LogRecord } from "../../log/record.ts";
import type { ReceivedRecord } from "./api.ts";
import { LazyRecord } from "./received-record.ts";
import type { Codec } from "./received-record.ts";

/** Some records of one partition, in order. */
export interface RecordBatch {
  readonly partition: number;
  readonly records: readonly LogRecord[];
}

export interface PartitionRecord {
  readonly partition: number;
  readonly record: LogRecord;
}

export interface ReceivedOptions {
  /** Ends it, without an error, before the next record. */
  readonly isOver: () => boolean;
  /** The app has asked for the next record: everything before `next` was taken. */
  readonly onTaken?: (partition: number, next: bigint) => void;
}

export async function* received<V, K>(
  topic: string,
  batches: AsyncIterable<RecordBatch>,
  codec: Codec<V, K>,
  { isOver, onTaken }: ReceivedOptions,
): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
  for await (const { partition, records } of batches) {
    for (const record of records) {
      if (isOver()) return;
      yield new LazyRecord(topic, partition, record, codec);
      onTaken?.(partition, record.offset + 1n);
    }
  }
}
