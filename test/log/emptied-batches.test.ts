/**
 * Batches that compaction has left empty, for their producer's last sequence, keep the time that their records had: no look-up by
 * time may be sent there, and none may count it, however the segment's index has come to be.
 */
import { describe, expect, it } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import { CrashingStore } from "./crashing-store.ts";
import { emptiedSettings as settings, MEANS, writeAndEmpty } from "./emptied-batches.ts";
import { openLeader, optionsFor, randomOf, readBatches, splitBatches } from "./harness.ts";
import { checkLookUps, checkTimeIndexes } from "./time-look-ups.ts";

const ENTRIES_MIN = 10;

describe("batches that compaction has left empty", () => {
  it("are there, and each has the greatest timestamp of its segment", async () => {
    const store = new CrashingStore(randomOf(1));
    await compacted(store);
    const { emptied, greatest } = await survey(store);
    expect(emptied).toBeGreaterThan(5);
    expect(greatest).toBeGreaterThan(5);
  });

  it("have no entry in the time index that compaction writes", async () => {
    const store = new CrashingStore(randomOf(1));
    const log = await compacted(store);
    expect(await checkTimeIndexes(store)).toBeGreaterThan(ENTRIES_MIN);
    await checkLookUps(log);
  });

  it("have none in one that is built again when the log is opened, or when it is first read", async () => {
    const store = new CrashingStore(randomOf(1));
    await (await compacted(store)).close();
    for (const clean of [true, false]) {
      for (const left of [/index$/, /(index|snapshot)$/]) {
        const names = await store.list("orders-0/");
        await store.delete(names.filter((name) => left.test(name)));
        const log = await openLeader(store, { ...settings, clean }, 1);
        await checkLookUps(log);
        await log.close();
        expect(await checkTimeIndexes(store)).toBeGreaterThan(ENTRIES_MIN);
      }
    }
  });

  it("have none in a replica's, which takes them as they come", async () => {
    const leader = await compacted(new CrashingStore(randomOf(1)));
    const store = new CrashingStore(randomOf(2));
    const replica = await PartitionLog.open(optionsFor(store, settings));
    for (const batch of await readBatches(leader)) {
      const { baseOffset: from, lastOffset } = new BatchHeader(batch);
      await replica.appendReplica(batch, { from, to: lastOffset + 1n });
    }
    await checkLookUps(replica);
    await replica.close();
    expect(await checkTimeIndexes(store)).toBeGreaterThan(ENTRIES_MIN);
  });

  it("are believed by an index of an older build, and look-ups through it are right all the same", async () => {
    const store = new CrashingStore(randomOf(1));
    await (await compacted(store)).close();
    // As Kafka counts: the greatest time of all headers.
    for (const name of await store.list("orders-0/")) {
      if (!name.endsWith(".timeindex")) continue;
      const batches = splitBatches((await store.read(name.replace("timeindex", "log"))) ?? new Uint8Array(0));
      const headers = batches.map((batch) => new BatchHeader(batch));
      const [first] = headers;
      const newest = headers.toSorted((a, b) => Number(b.maxTimestamp - a.maxTimestamp))[0];
      if (first === undefined || newest === undefined) continue;
      const entry = new DataView(new ArrayBuffer(12));
      entry.setBigInt64(0, newest.maxTimestamp);
      entry.setInt32(8, Number(newest.lastOffset - first.baseOffset));
      await store.write(name, new Uint8Array(entry.buffer));
    }
    await checkLookUps(await openLeader(store, { ...settings, clean: true }, 1));
  });
});

async function compacted(store: Store): Promise<PartitionLog> {
  const log = await openLeader(store, settings);
  await writeAndEmpty(log);
  await log.compact(MEANS);
  return log;
}

/** How many emptied batches there are, and how many of them have the greatest timestamp that a header of their segment tells. */
async function survey(store: Store): Promise<{ emptied: number; greatest: number }> {
  let [emptied, greatest] = [0, 0];
  for (const name of await store.list("orders-0/")) {
    if (!name.endsWith(".log")) continue;
    const batches = splitBatches((await store.read(name)) ?? new Uint8Array(0));
    const headers = batches.map((batch) => new BatchHeader(batch));
    const found = headers.filter(({ recordsCount, producerId }) => recordsCount === 0 && producerId >= 0n);
    emptied += found.length;
    const most = headers.reduce((max, { maxTimestamp }) => (maxTimestamp > max ? maxTimestamp : max), -1n);
    greatest += found.filter(({ maxTimestamp }) => maxTimestamp === most).length;
  }
  return { emptied, greatest };
}
