/** What compaction leaves: read by foreign clients, and by Kafka's own tool. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectPartitions } from "../tools/dump-log-segments.ts";
import { describeWith } from "../tools/require-tool.ts";
import type { ForeignClient } from "./clients/client.ts";
import { kafkajsForeign } from "./clients/kafkajs.ts";
import { kcat, runKcat } from "./clients/kcat.ts";
import { platformatic } from "./clients/platformatic.ts";
import { serve, type Served } from "./served.ts";

const KEYS = 10;
const ROUNDS = 200;
const SETTINGS = [
  "log.cleanup.policy=compact",
  "log.segment.bytes=4000",
  "log.index.interval.bytes=500",
  "log.cleaner.min.cleanable.ratio=0",
  "log.cleaner.backoff.ms=100",
].flatMap((setting) => ["--config", setting]);

describeWith(["kcat", "kafka-tools"], "a compacted topic", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve(...SETTINGS);
  });
  afterAll(() => served.dispose());

  test("has the last record of each key for kcat, kafkajs and platformatic, and its files are sound for Kafka's tool", async () => {
    const { broker } = served;
    const lines = Array.from(
      { length: KEYS * ROUNDS },
      (_, at) => `key ${at % KEYS}:round ${Math.floor(at / KEYS)} ${"x".repeat(50)}\n`,
    );
    for (const codec of ["none", "lz4"]) {
      await runKcat(
        broker,
        ["-P", "-t", "t", "-p", "0", "-K:", "-z", codec, "-X", "batch.num.messages=20", "-X", "acks=all"],
        { input: lines.join("") },
      );
    }
    const read = async (): Promise<string[]> =>
      (await runKcat(broker, ["-C", "-t", "t", "-p", "0", "-o", "beginning", "-e", "-f", "%o %k:%s\n"]))
        .toString()
        .trimEnd()
        .split("\n");
    const offsetOf = (line: string): bigint => BigInt(line.split(" ", 1)[0] ?? "");
    // How much the segment that is written to holds depends on the batches that kcat makes: it is never compacted.
    const compacted = async (): Promise<number> => {
      const segments = (await readdir(join(served.dataDir, "t-0"))).filter((name) => name.endsWith(".log"));
      const active = segments.map((name) => BigInt(name.slice(0, 20))).reduce((a, b) => (a > b ? a : b));
      return (await read()).filter((line) => offsetOf(line) < active).length;
    };
    await expect.poll(compacted, { timeout: 60_000 }).toBeLessThanOrEqual(KEYS);
    const left = await read();
    const offsets = left.map(offsetOf);
    expect(offsets.at(-1)).toBe(BigInt(2 * KEYS * ROUNDS - 1));
    const last = left.slice(-KEYS).map((line) => line.slice(line.indexOf(" ") + 1));
    expect(last).toEqual(lines.slice(-KEYS).map((line) => line.trimEnd()));

    const clients: readonly ForeignClient[] = [kcat, kafkajsForeign, platformatic];
    for (const client of clients) {
      const records = await client.consume({ broker, topic: "t", partition: 0 }, 0n, left.length);
      expect([client.name, records.map(({ offset }) => offset)]).toEqual([client.name, offsets]);
    }

    await served.stop();
    const { files, complaints } = await inspectPartitions(served.dataDir, ["t-0"]);
    // The tool tells of every hole between records, of Kafka's own compacted logs as well.
    expect(complaints.filter((complaint) => !complaint.includes("Non-consecutive offsets"))).toEqual([]);
    const logs = files.filter(({ name }) => name.endsWith(".log"));
    expect(logs.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual(offsets);
    let next = 0n;
    for (const { baseOffset, lastOffset, isValid } of logs.flatMap(({ batches }) => batches)) {
      expect([baseOffset, isValid]).toEqual([next, true]);
      next = lastOffset + 1n;
    }
    expect(next).toBe(BigInt(2 * KEYS * ROUNDS));
  }, 180_000);
});
