/** Kafka's own tool over time indexes of batches whose header tells another greatest timestamp than their records have. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileStore } from "../../gateway/store/file-store.ts";
import { emptiedSettings, MEANS, writeAndEmpty } from "../log/emptied-batches.ts";
import { lyingBatch } from "../engine/record-times.ts";
import { realFiles } from "../gateway/real-files.ts";
import { appendAll, batchOf, config, openLeader, optionsFor, START_MS } from "../log/harness.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { dumpPartitions, inspectPartitions } from "../tools/dump-log-segments.ts";
import { describeWith } from "../tools/require-tool.ts";

const BATCHES = 40;
const settings = { config: config({ "index.interval.bytes": 200, "segment.bytes": 3000 }) };

/** Batches of records a second apart, lz4 and none, each of whose headers claims half a second more or less. */
const lying = (): Uint8Array[] =>
  Array.from({ length: BATCHES }, (_, at) => {
    const timestamp = START_MS + at * 1000;
    const batch = batchOf([`first ${at}`, `second ${at}`], { timestamp, codec: at % 2 === 0 ? 0 : 3 });
    return lyingBatch(batch, BigInt(timestamp + (at % 3 === 0 ? 500 : -500)));
  });

describeWith(["kafka-tools"], "batches that lie about their greatest timestamp", () => {
  let dataDir: string;
  beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), "rivulet-foreign-"))));
  afterEach(() => rm(dataDir, { recursive: true }));

  test("leave time indexes behind that Kafka's tool finds right", async () => {
    const log = await openLeader(await FileStore.open(dataDir, realFiles), settings);
    await appendAll(log, lying());
    await log.close();
    const files = await dumpPartitions(dataDir, ["orders-0"]);
    expect(files.flatMap(({ timeIndex }) => timeIndex).length).toBeGreaterThan(BATCHES / 4);
    expect(files.filter(({ name }) => name.endsWith(".log")).length).toBeGreaterThan(1);
  });

  test("would not, had a leader stored them as they came", async () => {
    // A replica takes what its leader gives.
    const log = await PartitionLog.open(optionsFor(await FileStore.open(dataDir, realFiles), settings));
    for (const [at, batch] of lying().entries()) {
      const from = BigInt(at * 2);
      new DataView(batch.buffer).setBigInt64(0, from);
      new DataView(batch.buffer).setInt32(12, 0);
      await log.appendReplica(batch, { from, to: from + 2n });
    }
    await log.close();
    const { complaints } = await inspectPartitions(dataDir, ["orders-0"]);
    expect(complaints.join("\n")).toContain("Found timestamp mismatch");
  });
});

describeWith(["kafka-tools"], "batches that compaction has left empty", () => {
  let dataDir: string;
  beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), "rivulet-foreign-"))));
  afterEach(() => rm(dataDir, { recursive: true }));

  test("are promised to nobody who looks a time up: by an index that compaction has written, or recovery built", async () => {
    const log = await openLeader(await FileStore.open(dataDir, realFiles), emptiedSettings);
    await writeAndEmpty(log);
    await log.compact(MEANS);
    await log.close();
    const check = async (): Promise<void> => {
      const { files, complaints } = await inspectPartitions(dataDir, ["orders-0"]);
      // The tool tells of every hole between records, of Kafka's own compacted logs as well.
      expect(complaints.filter((each) => !each.includes("Non-consecutive offsets"))).toEqual([]);
      const batches = files.flatMap((file) => file.batches);
      expect(
        batches.filter(({ count, producerId }) => count === 0 && producerId >= 0n).length,
      ).toBeGreaterThan(5);
    };
    await check();
    const directory = join(dataDir, "orders-0");
    for (const name of await readdir(directory))
      if (/\.(timeindex|snapshot)$/.test(name)) await rm(join(directory, name));
    const again = await openLeader(await FileStore.open(dataDir, realFiles), emptiedSettings, 1);
    await again.close();
    await check();
  });
});
