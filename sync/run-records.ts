/** The records of a run, one by one, as rows, and in smaller runs. */
import type { RecordHeader } from "../log/record.ts";
import type { NewRecord } from "./outbox.ts";
import type { OutboxRecord, OutboxRun } from "./outbox-store.ts";
import { countOf, RUN_NUMBERS } from "./record-run.ts";
import type { RecordRun } from "./record-run.ts";

/** A record of a run: views on its bytes. */
export type RunRecord = Required<Pick<NewRecord, "key" | "value" | "headers">> & {
  readonly timestamp: number | undefined;
};

/** What headers take, about: a character of a key is three bytes at most. */
export function headerBytes(headers: readonly RecordHeader[] = []): number {
  return headers.reduce((sum, { key, value }) => sum + key.length * 3 + (value?.length ?? 0), 0);
}

/** Its records, each with its place. Views, since memory for each would cost more than all else: copy what is kept or sent alone. */
export function eachRecord<T>(
  { bytes, numbers, headers }: RecordRun,
  make: (record: RunRecord, index: number) => T,
): T[] {
  const made: T[] = [];
  let at = 0;
  const take = (length: number): Uint8Array | null => {
    if (length < 0) return null;
    at += length;
    return bytes.subarray(at - length, at);
  };
  for (let place = 0; place < numbers.length; place += RUN_NUMBERS) {
    const index = made.length;
    const key = take(numbers[place] ?? -1);
    const value = take(numbers[place + 1] ?? -1);
    const timestamp = numbers[place + 2] ?? Number.NaN;
    const given = Number.isNaN(timestamp) ? undefined : timestamp;
    made.push(make({ key, value, headers: headers?.[index] ?? [], timestamp: given }, index));
  }
  return made;
}

/** The records of a run as they are in the rows, the first under this id; key and value are views on its bytes. */
export function outboxRecordsOf(
  { run, topic, clusterId, topicId, addedAtMs }: OutboxRun,
  first: number,
): OutboxRecord[] {
  return eachRecord(run, ({ key, value, headers, timestamp }, index) => ({
    id: first + index,
    topic,
    key,
    value,
    headers,
    timestamp: timestamp ?? addedAtMs,
    timestampGiven: timestamp !== undefined,
    clusterId,
    topicId,
    state: "waiting",
    reason: null,
    alone: false,
  }));
}

/** The same records in runs of at most so many, and of so many bytes, headers included, unless a single one has more; each in memory of its own. */
export function* cutRun(
  run: RecordRun,
  recordsMax: number,
  bytesMax: number,
): Generator<RecordRun, void, void> {
  const { bytes, numbers, headers } = run;
  const count = countOf(run);
  let [first, begin, end, size] = [0, 0, 0, 0];
  const bytesAt = (place: number): number => Math.max(numbers[place] ?? 0, 0);
  const cutAt = (next: number): RecordRun => {
    const piece = {
      bytes: bytes.slice(begin, end),
      numbers: numbers.slice(first * RUN_NUMBERS, next * RUN_NUMBERS),
      headers: headers?.slice(first, next),
    };
    [first, begin, size] = [next, end, 0];
    return piece;
  };
  for (let index = 0; index < count; index++) {
    const added = bytesAt(index * RUN_NUMBERS) + bytesAt(index * RUN_NUMBERS + 1);
    const whole = added + headerBytes(headers?.[index]);
    const isFull = index - first >= recordsMax || size + whole > bytesMax;
    if (index > first && isFull) yield cutAt(index);
    end += added;
    size += whole;
  }
  if (first < count) yield cutAt(count);
}
