import { afterAll, beforeAll, expect, test } from "vitest";
import { dumpDataDirectory } from "../tools/dump-data-directory.ts";
import { describeWith } from "../tools/require-tool.ts";
import { asText, type Codec, type ForeignRecord } from "./clients/client.ts";
import { kafkajsClient, kafkajsForeign } from "./clients/kafkajs.ts";
import { kcat } from "./clients/kcat.ts";
import { platformatic } from "./clients/platformatic.ts";
import { serve, type Served } from "./served.ts";

const clients = [kcat, kafkajsForeign, platformatic];
const codecs: readonly Codec[] = ["none", "lz4"];

const numbers = Array.from({ length: 300 }, (_, index) => index);
const dataSets: Record<string, readonly ForeignRecord[]> = {
  // From very short to longer than any small buffer, and letters of two and four bytes.
  values: numbers.map((index) => ({
    key: null,
    value: Buffer.from(`${index} äß🦀 ${"x".repeat(index * 7)}`),
    headers: [],
  })),
  // Keys or none, and tombstones, which have a key.
  "keys and tombstones": numbers.map((index) => ({
    key: index % 3 === 0 ? null : Buffer.from(`key ${index}`),
    value: index % 3 === 1 ? null : Buffer.from(`value ${index}`),
    headers: [],
  })),
  headers: numbers.map((index) => ({
    key: null,
    value: Buffer.from(`value ${index}`),
    headers: [
      ["trace", "00-4bf92f3577b34da6"],
      ["käse", "brie"],
    ],
  })),
};

describeWith(["kcat", "kafka-tools"], "what one client writes, every client reads byte for byte", () => {
  let served: Served;
  beforeAll(async () => void (served = await serve("--config", "log.index.interval.bytes=2000")));
  afterAll(() => served.dispose());

  const cases = clients.flatMap((writer) =>
    Object.entries(dataSets).flatMap(([name, records]) =>
      codecs.map((codec) => ({ writer, name, records, codec })),
    ),
  );

  test.each(cases)(
    "$writer.name writes $name with codec $codec",
    async ({ writer, name, records, codec }) => {
      const topic = `${writer.name}.${name}.${codec}`.replaceAll(/[^\w.]/g, "-");
      const { broker } = served;
      const admin = kafkajsClient(broker).admin();
      await admin.connect();
      expect(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })).toBe(true);
      await admin.disconnect();

      const partition = { broker, topic, partition: 1 };
      await writer.produce(partition, records, codec);
      // The second run finds offsets, an index and another producer's state there.
      await writer.produce(partition, records, codec);
      const written = [...records, ...records];
      for (const reader of clients) {
        const read = await reader.consume(partition, 0n, written.length);
        expect(read.map(asText), reader.name).toEqual(written.map(asText));
        expect(
          read.map(({ offset }) => offset),
          reader.name,
        ).toEqual(written.map((_, index) => BigInt(index)));
        // From the middle of a batch.
        const [first] = await reader.consume(partition, 317n, 1);
        expect(first?.value, reader.name).toEqual(written[317]?.value);
        expect(first?.offset).toBe(317n);
      }
    },
  );

  test("Kafka's own tool accepts every segment and every index", async () => {
    await served.stop();
    const { partitions, metadataRecords } = await dumpDataDirectory(served.dataDir);
    const written = [...partitions].filter(([name]) => name.endsWith("-1"));
    expect(written.length).toBe(cases.length);
    for (const [name, files] of written) {
      const batches = files.flatMap((file) => file.batches);
      expect(
        batches.reduce((sum, batch) => sum + batch.count, 0),
        name,
      ).toBe(600);
      // What the producer sealed is what is on disk.
      const codec = name.includes(".lz4") ? "lz4" : "none";
      expect(new Set(batches.map(({ compression }) => compression)), name).toEqual(new Set([codec]));
      expect(
        batches.every(({ producerId }) => producerId >= 0n),
        name,
      ).toBe(true);
      expect(files.flatMap((file) => file.offsetIndex).length, name).toBeGreaterThan(0);
    }
    expect(metadataRecords.filter((type) => type === "TOPIC_RECORD").length).toBe(cases.length);
  });
});
