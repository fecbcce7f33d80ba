/** What is asked of look-ups by time, and of the time indexes behind them: what who reads the whole log finds. */
import { expect } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { FoundRecord } from "../../log/segment-reader.ts";
import type { Store } from "../../log/store.ts";
import { readBatches, recordsOf, splitBatches } from "./harness.ts";

/** As Kafka's DumpLogSegments has it: the batch that ends at an entry's offset has a record of the entry's time, and none later. Answers how many entries there are. */
export async function checkTimeIndexes(store: Store): Promise<number> {
  let entries = 0;
  for (const name of await store.list("orders-0/")) {
    if (!name.endsWith(".timeindex")) continue;
    const base = BigInt(/(\d{20})\.timeindex$/.exec(name)?.[1] ?? -1);
    const batches = splitBatches((await store.read(name.replace("timeindex", "log"))) ?? new Uint8Array(0));
    const bytes = Buffer.from((await store.read(name)) ?? []);
    for (let at = 0; at < bytes.length; at += 12) {
      const offset = base + BigInt(bytes.readInt32BE(at + 8));
      const batch = batches.find((each) => new BatchHeader(each).lastOffset === offset);
      const times = recordsOf(batch === undefined ? [] : [batch]).map(({ timestamp }) => timestamp);
      expect([name, Math.max(-1, ...times)]).toEqual([name, Number(bytes.readBigInt64BE(at))]);
      entries++;
    }
  }
  return entries;
}

/** The greatest time of all, and those that records have and those around them; one in `every` of these. */
export async function checkLookUps(log: PartitionLog, every = 1): Promise<void> {
  const records = recordsOf(await readBatches(log));
  const greatest = Math.max(...records.map(({ timestamp }) => timestamp));
  const found = (record: FoundRecord | undefined): [bigint, bigint] | undefined =>
    record && [record.offset, record.timestamp];
  const expected = (timestamp: number): [bigint, bigint] | undefined => {
    const record = records.find((each) => each.timestamp >= timestamp);
    return record && [record.offset, BigInt(record.timestamp)];
  };
  expect(found(await log.maxTimestamp())).toEqual(expected(greatest));
  const times = records.flatMap(({ timestamp }) => [timestamp - 1, timestamp, timestamp + 1]);
  for (const time of times.filter((_, at) => at % every === 0))
    expect([time, found(await log.offsetForTimestamp(BigInt(time)))]).toEqual([time, expected(time)]);
}
