/** The small files beside the batches, and the rules for names and settings. */
import { describe, expect, it } from "vitest";
import { brokerConfig, topicConfig, topicSettings } from "../../log/config.ts";
import { IndexPages } from "../../log/index-pages.ts";
import { LeaderEpochs } from "../../log/leader-epochs.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { parsePartitionDirectory, parseSegmentFile, segmentFile } from "../../log/partition-files.ts";
import { readIdentity, writeIdentity } from "../../log/partition-identity.ts";
import { newUuid, uuidText } from "../../log/uuid-text.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { engine, failureOf, TOPIC_ID } from "./harness.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe("leader-epoch-checkpoint", () => {
  const epochs = new LeaderEpochs([
    { epoch: 0, startOffset: 0n },
    { epoch: 3, startOffset: 10n },
    { epoch: 4, startOffset: 25n },
  ]);

  it("is Kafka's text", () => {
    expect(textOf(epochs.encode())).toBe("0\n3\n0 0\n3 10\n4 25\n");
    expect(LeaderEpochs.decode(epochs.encode()).all).toEqual(epochs.all);
    expect(LeaderEpochs.decode(bytesOf("0\n0\n")).all).toEqual([]);
  });

  it.each([
    "",
    "1\n0\n",
    "0\n2\n0 0\n",
    "0\n1\n0 0\n1 1\n",
    "0\n1\nx y\n",
    "0\n2\n3 0\n1 5\n",
    "0\n2\n0 5\n1 4\n",
    "0\n1\n-1 0\n",
  ])("is not believed: %j", async (text) => {
    expect((await failureOf(() => LeaderEpochs.decode(bytesOf(text)))).code).toBe(
      ErrorCode.KAFKA_STORAGE_ERROR,
    );
  });

  it("answers where an epoch ends as Kafka does", () => {
    const end = (epoch: number) => Object.values(epochs.endOf(epoch, 40n));
    expect([-1, 0, 1, 2, 3, 4, 5].map(end)).toEqual([
      [-1, -1n],
      [0, 10n],
      [0, 10n],
      [0, 10n],
      [3, 25n],
      [4, 40n],
      [-1, -1n],
    ]);
    expect(
      new LeaderEpochs([
        { epoch: 5, startOffset: 7n },
        { epoch: 6, startOffset: 9n },
      ]).endOf(2, 20n),
    ).toEqual({ epoch: 2, endOffset: 7n });
    expect([0n, 9n, 10n, 24n, 25n, 99n].map((offset) => epochs.at(offset))).toEqual([0, 0, 3, 3, 4, 4]);
  });

  it("forgets what is cut away, and takes no epoch twice or backwards", () => {
    const cut = new LeaderEpochs(epochs.all);
    cut.truncateTo(10n);
    expect(cut.all).toEqual([{ epoch: 0, startOffset: 0n }]);
    cut.note(2, 10n);
    cut.note(2, 11n);
    cut.note(1, 12n);
    cut.note(-1, 13n);
    expect(cut.all).toEqual([
      { epoch: 0, startOffset: 0n },
      { epoch: 2, startOffset: 10n },
    ]);
  });
});

describe("partition.metadata", () => {
  it("is Kafka's text, and what is not is refused", async () => {
    const store = new MemoryStore();
    expect(await readIdentity(store, "orders-0")).toBeUndefined();
    await writeIdentity(store, "orders-0", TOPIC_ID);
    expect(textOf(await store.read("orders-0/partition.metadata"))).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
    expect(await readIdentity(store, "orders-0")).toBe(TOPIC_ID);
    for (const text of [
      "",
      "version: 1\ntopic_id: AAECAwQFBgcICQoLDA0ODw",
      "version: 0\ntopic_id: short",
      "topic_id: AAECAwQFBgcICQoLDA0ODw",
    ]) {
      await store.write("orders-0/partition.metadata", bytesOf(text));
      expect((await failureOf(() => readIdentity(store, "orders-0"))).code).toBe(
        ErrorCode.KAFKA_STORAGE_ERROR,
      );
    }
  });
});

describe("names of files", () => {
  it("are Kafka's, and read back", () => {
    expect(segmentFile("orders-0", 42n, "log")).toBe("orders-0/00000000000000000042.log");
    expect(segmentFile("orders-0", 2n ** 63n - 1n, "snapshot")).toBe(
      "orders-0/09223372036854775807.snapshot",
    );
    expect(parseSegmentFile("orders-0", "orders-0/00000000000000000042.timeindex")).toEqual({
      kind: "timeindex",
      offset: 42n,
    });
    for (const other of [
      "orders-0/42.log",
      "orders-0/00000000000000000042.txt",
      "orders-0/synced-end",
      "orders-0/00000000000000000042.log.deleted",
    ]) {
      expect(parseSegmentFile("orders-0", other)).toBeUndefined();
    }
    expect(parsePartitionDirectory("a-b-12")).toEqual({ topic: "a-b", partition: 12 });
    for (const other of ["orders", "orders-", "-1", "orders-01", "orders-x"])
      expect(parsePartitionDirectory(other)).toBeUndefined();
  });

  it("and ids are 22 characters of url-safe base64", () => {
    for (let seed = 0; seed < 200; seed++) {
      const bytes = Uint8Array.from(
        { length: 16 },
        (_, at) => (seed * 31 + at * 77 + ((seed * at) % 13)) & 255,
      );
      expect(uuidText(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
    }
    const given = [
      new Uint8Array(16),
      Uint8Array.of(0xf8, ...new Uint8Array(15)),
      new Uint8Array(16).fill(7),
    ];
    expect(newUuid(() => given.shift() ?? new Uint8Array(16))).toBe(uuidText(new Uint8Array(16).fill(7)));
  });
});

describe("an index in pages", () => {
  it("finds and keeps what one piece would", () => {
    const pages = new IndexPages(8);
    const all: [number, number][] = [];
    for (let at = 0; at < 2000; at++) {
      all.push([at * 3, at * 100]);
      const entry = pages.push();
      entry.setInt32(0, at * 3);
      entry.setInt32(4, at * 100);
      if (at % 97 !== 0) continue;
      const again = new IndexPages(8, pages.bytes());
      for (const kept of [pages, again]) {
        expect(kept.entries).toBe(all.length);
        expect(kept.last()?.getInt32(4)).toBe(at * 100);
        for (const relative of [-1, 0, 1, at, at * 3 - 1, at * 3, at * 3 + 5]) {
          const page = kept.pageOfLast((view) => view.getInt32(0) <= relative);
          const expected = all.findLast(([offset]) => offset <= relative)?.[1] ?? 0;
          expect(page === undefined ? 0 : engine.lookupOffset(page, relative)).toBe(expected);
        }
      }
    }
  });
});

describe("settings", () => {
  it("have Kafka's defaults, each within its own bounds", () => {
    const config = topicConfig(brokerConfig(new Map()), new Map());
    expect(config).toMatchObject({
      segmentBytes: 2 ** 30,
      maxMessageBytes: 1_048_588,
      indexIntervalBytes: 4096,
      lazyFlush: undefined,
    });
    expect([config.timestampAfterMaxMs, config.timestampBeforeMaxMs]).toEqual([3_600_000n, undefined]);
    for (const { name, initial } of topicSettings) {
      expect(topicConfig(brokerConfig(new Map()), new Map([[name, initial]])).values.get(name)).toBe(initial);
    }
  });

  it("of a topic win over the node's, and the node's over Kafka's", () => {
    const node = brokerConfig(
      new Map([
        ["log.segment.bytes", "5000"],
        ["message.max.bytes", "700"],
      ]),
    );
    const config = topicConfig(node, new Map([["segment.bytes", " 6000 "]]));
    expect([config.segmentBytes, config.maxMessageBytes]).toEqual([6000, 700]);
    expect(config.values.get("segment.bytes")).toBe("6000");
  });

  it("relax the flush only when they are set to more than one record", () => {
    const flush = (settings: Record<string, string>) =>
      topicConfig(brokerConfig(new Map()), new Map(Object.entries(settings))).lazyFlush;
    expect(flush({})).toBeUndefined();
    expect(flush({ "flush.messages": "1" })).toBeUndefined();
    expect(flush({ "flush.ms": "0" })).toBeUndefined();
    expect(flush({ "flush.messages": "9223372036854775807" })).toBeUndefined();
    expect(flush({ "flush.messages": "100" })).toMatchObject({ records: 100n });
    expect(flush({ "flush.ms": "1000" })).toMatchObject({ ms: 1000n });
  });

  it.each([
    ["segment.bytes", "13"],
    ["segment.bytes", "2147483648"],
    ["segment.bytes", "1e6"],
    ["segment.bytes", ""],
    ["retention.ms", "-2"],
    ["retention.ms", "9223372036854775808"],
    ["min.cleanable.dirty.ratio", "1.5"],
    ["cleanup.policy", "delete,burn"],
    ["compression.type", "brotli"],
    ["message.timestamp.type", "Now"],
    ["unclean.leader.election.enable", "yes"],
    ["min.insync.replicas", "2"],
    ["no.such.setting", "1"],
    ["log.segment.bytes", "5000"],
  ])("of a topic are refused: %s = %j", async (name, value) => {
    const { code, message } = await failureOf(() =>
      topicConfig(brokerConfig(new Map()), new Map([[name, value]])),
    );
    expect([code, message]).toEqual([ErrorCode.INVALID_CONFIG, expect.stringContaining(name)]);
  });

  it.each([
    ["num.partitions", "0"],
    ["segment.bytes", "5000"],
    ["auto.create.topics.enable", "1"],
    ["x\ny", "1"],
  ])("of the node are refused, in one line: %j = %s", async (name, value) => {
    const { code, message } = await failureOf(() => brokerConfig(new Map([[name, value]])));
    expect([code, message.includes("\n")]).toEqual([ErrorCode.INVALID_CONFIG, false]);
  });
});
