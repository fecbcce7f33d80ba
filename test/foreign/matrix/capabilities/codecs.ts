/** Every client writes with every codec, and every client reads what all of them wrote, byte for byte. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dumpDataDirectory } from "../../../tools/dump-data-directory.ts";
import { describeWith } from "../../../tools/require-tool.ts";
import { asText, type Codec, type ForeignRecord, type ReadRecord } from "../../clients/client.ts";
import { createTopics } from "../../clients/kafkajs.ts";
import { serve, type Served } from "../../served.ts";
import { available, matrix, topicOf, withClient } from "../bench.ts";
import { CODECS, type ClientKind } from "../client.ts";

const BATCHES = 3;
const BATCH_RECORDS = 100;

/** From very short to longer than any small buffer, letters of two and four bytes, no key, tombstones, headers. */
function recordsFor(topic: string): ForeignRecord[] {
  return Array.from({ length: BATCHES * BATCH_RECORDS }, (_, index) => ({
    key: index % 3 === 0 ? null : Buffer.from(`key ${index}`),
    value: index % 3 === 1 ? null : Buffer.from(`${index} äß🦀 ${"x".repeat(index * 5)}`),
    headers: [
      ["topic", topic],
      ["käse", "brie"],
    ],
  }));
}

interface Written {
  readonly kind: ClientKind;
  readonly codec: Codec;
  readonly topic: string;
}

export function everyCodec(): void {
  let served: Served;
  /** What was acknowledged. */
  const written: Written[] = [];
  const wanted = available.flatMap((kind) =>
    CODECS.filter((codec) => kind.lacksCodecs?.[codec]?.writes !== false).map((codec) => ({
      kind,
      codec,
      topic: topicOf(kind, codec),
    })),
  );

  beforeAll(async () => {
    served = await serve("--config", "log.index.interval.bytes=2000");
    await createTopics(
      served.broker,
      wanted.map(({ topic }) => topic),
    );
  });
  afterAll(() => served.dispose());

  describe("every codec is written", () => {
    for (const kind of available) {
      test.concurrent(`by ${kind.name}`, () =>
        withClient(kind, served.broker, async (client) => {
          for (const { codec, topic } of wanted.filter((each) => each.kind === kind)) {
            const records = recordsFor(topic);
            const batches = Array.from({ length: BATCHES }, (_, at) =>
              records.slice(at * BATCH_RECORDS, (at + 1) * BATCH_RECORDS),
            );
            await client.write(topic, codec, batches);
            written.push({ kind, codec, topic });
          }
        }),
      );
    }
  });

  describe("what all wrote with every codec is read", () => {
    for (const kind of available) {
      test.concurrent(`by ${kind.name}`, async () => {
        const lacks = kind.lacksCodecs ?? {};
        const toRead = written.filter(({ codec }) => lacks[codec] === undefined);
        const count = toRead.length * BATCHES * BATCH_RECORDS;
        const topics = toRead.map(({ topic }) => topic);
        const read = await withClient(kind, served.broker, (client) => client.read(topics, count));
        const byTopic = groupByTopic(read);
        for (const { topic } of toRead) {
          const records = byTopic.get(topic) ?? [];
          expect(records.map(asText), topic).toEqual(recordsFor(topic).map(asText));
          const offsets = records.map(({ offset }) => Number(offset));
          expect(offsets, topic).toEqual(records.map((_, index) => index));
        }

        for (const codec of CODECS) {
          const lack = lacks[codec];
          if (lack === undefined) continue;
          expect(await lack.holds(), `${kind.name} still ${lack.why}`).toBe(true);
          matrix.lacking(kind, "codecs", lack.why);
        }
        const shown = CODECS.filter((codec) =>
          toRead.some((each) => each.kind === kind && each.codec === codec),
        );
        expect(shown.length).toBe(CODECS.length - Object.keys(lacks).length);
        matrix.shown(kind, "codecs", shown.length === CODECS.length ? "yes" : shown.join(", "));
      });
    }
  });

  describeWith(["kafka-tools"], "what was written, when Kafka's own tool looks at the files", () => {
    test("is as the producers sealed it, in the order of their sequences, and indexed", async () => {
      await served.stop();
      const { partitions, metadataRecords } = await dumpDataDirectory(served.dataDir);
      expect(metadataRecords.filter((type) => type === "TOPIC_RECORD").length).toBeGreaterThanOrEqual(
        wanted.length,
      );
      for (const { topic, codec } of wanted) {
        const files = partitions.get(`${topic}-0`) ?? [];
        const batches = files.flatMap((file) => file.batches);
        const compressions = new Set(batches.map(({ compression }) => compression));
        expect(compressions, topic).toContain(codec);
        // Producers leave a batch as it is when it would not get smaller.
        compressions.delete("none");
        expect(compressions, topic).toEqual(new Set(codec === "none" ? [] : [codec]));
        expect(new Set(batches.map(({ producerId }) => producerId)).size, topic).toBe(1);
        expect(batches[0]?.producerId, topic).toBeGreaterThanOrEqual(0n);
        let sequence = 0;
        for (const { baseSequence, count } of batches) {
          expect(baseSequence, topic).toBe(sequence);
          sequence += count;
        }
        expect(sequence, topic).toBe(BATCHES * BATCH_RECORDS);
      }
      const offsetIndex = [...partitions.values()].flat().flatMap((file) => file.offsetIndex);
      expect(offsetIndex.length).toBeGreaterThan(wanted.length / 2);
    });
  });
}

/** The records by the topic that their header names: not every client tells where a record came from. */
function groupByTopic(read: readonly ReadRecord[]): Map<string, ReadRecord[]> {
  const byTopic = new Map<string, ReadRecord[]>();
  for (const record of read) {
    const topic = record.headers.find(([name]) => name === "topic")?.[1] ?? "";
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), record]);
  }
  return byTopic;
}
