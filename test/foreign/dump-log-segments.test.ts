import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dumpPartitions, inspectPartitions } from "../tools/dump-log-segments.ts";
import { describeWith } from "../tools/require-tool.ts";

// Six batches of 13 to 23 records, lz4 and none, as Apache Kafka 4.3.1 wrote and closed them.
const written = join(dirname(fileURLToPath(import.meta.url)), "..", "tools", "kafka-segment");
const PARTITION = "written-by-kafka-0";
const SEGMENT = "00000000000000000000";
const THIRD_BATCH_AT = 466;

describeWith(["kafka-tools"], "the check by DumpLogSegments", () => {
  let dataDir: string;
  let directory: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "rivulet-dump-test-"));
    directory = join(dataDir, PARTITION);
    await cp(written, directory, { recursive: true });
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  test("reads what Kafka itself has written", async () => {
    const files = await dumpPartitions(dataDir, [PARTITION]);
    const log = files.find((file) => file.name === `${SEGMENT}.log`);
    expect(
      log?.batches.map((batch) => [batch.baseOffset, batch.count, batch.compression, batch.producerId]),
    ).toEqual([
      [0n, 13, "lz4", 1000n],
      [13n, 15, "lz4", 1001n],
      [28n, 17, "none", 1002n],
      [45n, 19, "lz4", 1003n],
      [64n, 21, "lz4", 1004n],
      [85n, 23, "none", 1005n],
    ]);
    expect(log?.records.length).toBe(108);
    const index = files.find((file) => file.name === `${SEGMENT}.index`);
    expect(index?.offsetIndex[1]).toEqual({ offset: 44n, position: THIRD_BATCH_AT });
    expect(files.find((file) => file.name.endsWith(".timeindex"))?.timeIndex.length).toBe(5);
    expect(files.find((file) => file.name.endsWith(".snapshot"))?.producers.length).toBe(6);
  });

  test("refuses a segment whose name is not its first offset", async () => {
    for (const extension of [".log", ".index", ".timeindex"]) {
      await rename(
        join(directory, `${SEGMENT}${extension}`),
        join(directory, `00000000000000000003${extension}`),
      );
    }
    await expect(dumpPartitions(dataDir, [PARTITION])).rejects.toThrow("begins with offset 0");
  });

  test("accepts empty indexes, as a new segment has them", async () => {
    await writeFile(join(directory, `${SEGMENT}.index`), "");
    await writeFile(join(directory, `${SEGMENT}.timeindex`), "");
    expect((await inspectPartitions(dataDir, [PARTITION])).complaints).toEqual([]);
  });

  const flip = (at: number) => (bytes: Buffer) => {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  const swapEntries = (entryBytes: number) => (bytes: Buffer) =>
    Buffer.concat([
      bytes.subarray(0, entryBytes),
      bytes.subarray(2 * entryBytes, 3 * entryBytes),
      bytes.subarray(entryBytes, 2 * entryBytes),
      bytes.subarray(3 * entryBytes),
    ]);
  const setInt32 = (at: number, value: number) => (bytes: Buffer) => {
    bytes.writeInt32BE(value, at);
    return bytes;
  };
  const withZeros = (count: number) => (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(count)]);
  const without = (count: number) => (bytes: Buffer) => bytes.subarray(0, bytes.length - count);

  test.each([
    ["a flipped bit in a record", ".log", flip(THIRD_BATCH_AT + 100)],
    ["a flipped bit in a compressed record", ".log", flip(100)],
    ["another magic byte", ".log", flip(THIRD_BATCH_AT + 16)],
    ["a length that is one too small", ".log", flip(11)],
    ["a base offset that overlaps the batch before", ".log", setInt32(THIRD_BATCH_AT + 4, 27)],
    ["a gap between two batches", ".log", setInt32(THIRD_BATCH_AT + 4, 29)],
    ["a torn tail", ".log", without(7)],
    ["a tail that is torn inside a batch's header", ".log", (bytes: Buffer) => bytes.subarray(0, 1591 + 5)],
    ["zeros after the last batch", ".log", withZeros(100)],
    ["an index entry that points into a batch", ".index", setInt32(12, THIRD_BATCH_AT + 1)],
    ["an index entry that points beyond the segment", ".index", setInt32(12, 99_999_999)],
    ["an index entry with a wrong offset", ".index", setInt32(8, 43)],
    ["two index entries in the wrong order", ".index", swapEntries(8)],
    ["an index with half an entry", ".index", without(3)],
    ["an index with zeros at its end", ".index", withZeros(16)],
    ["a time index entry with a wrong timestamp", ".timeindex", flip(12 + 7)],
    ["a time index entry with a wrong offset", ".timeindex", setInt32(12 + 8, 43)],
    ["a time index entry beyond the segment", ".timeindex", setInt32(48 + 8, 9_999_999)],
    ["two time index entries in the wrong order", ".timeindex", swapEntries(12)],
    ["a time index with half an entry", ".timeindex", without(3)],
    ["a time index with zeros at its end", ".timeindex", withZeros(24)],
  ])("refuses %s", async (_damage, extension, change) => {
    const file = join(directory, `${SEGMENT}${extension}`);
    await writeFile(file, change(await readFile(file)));
    await expect(dumpPartitions(dataDir, [PARTITION])).rejects.toThrow("DumpLogSegments does not accept");
  });

  test("refuses a producer snapshot with a flipped bit", async () => {
    const file = join(directory, "00000000000000000108.snapshot");
    await writeFile(file, flip(40)(await readFile(file)));
    await expect(dumpPartitions(dataDir, [PARTITION])).rejects.toThrow("Snapshot is corrupt");
  });

  test("leaves the files as they are", async () => {
    const file = join(directory, `${SEGMENT}.index`);
    const torn = without(3)(await readFile(file));
    await writeFile(file, torn);
    const { complaints } = await inspectPartitions(dataDir, [PARTITION]);
    expect(complaints.join()).toContain("--index-sanity-check ended with exit code 1");
    expect(await readFile(file)).toEqual(torn);
  });

  test("refuses a segment without its time index", async () => {
    await rm(join(directory, `${SEGMENT}.timeindex`));
    await expect(dumpPartitions(dataDir, [PARTITION])).rejects.toThrow(`${SEGMENT}.timeindex is missing`);
  });
});
