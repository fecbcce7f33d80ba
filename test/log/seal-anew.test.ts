import { describe, expect, it } from "vitest";
import { LOG_APPEND_TIME_BIT } from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, config, engine, failureOf, openLeader, readBatches, START_MS } from "./harness.ts";

const CODECS = { uncompressed: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
const MAX = 1 << 24;
const VALUES = Array.from({ length: 50 }, (_, index) => `value ${index} ${"again ".repeat(index)}`);
const decoder = new TextDecoder();

describe("a topic's own codec", () => {
  const pairs = Object.entries(CODECS).flatMap(([name, stored]) =>
    Object.entries(CODECS).map(([given, codec]) => ({ name, stored, given, codec })),
  );

  it.each(pairs)(
    "$name: a batch that came as $given is stored in it, record for record",
    async ({ name, stored, codec }) => {
      const log = await openLeader(new MemoryStore(), { config: config({ "compression.type": name }) });
      const producer = { producerId: 7n, producerEpoch: 1, baseSequence: 0 };
      const batch = batchOf(VALUES, { codec, ...producer });
      await log.append(batch.slice()).synced;
      // The same again is the same to the log, whatever it was made.
      expect(log.append(batch.slice()).duplicate).toBe(true);
      const [read = new Uint8Array(), ...more] = await readBatches(log);
      expect(more).toEqual([]);
      const header = new BatchHeader(read);
      expect(header).toMatchObject({ codec: stored, ...producer, recordsCount: VALUES.length });
      expect(engine.checkBatch(read, true, MAX)).toBe(read.length);
      const values = Array.from(engine.readBatch(read, MAX), ({ value }) =>
        decoder.decode(value ?? undefined),
      );
      expect(values).toEqual(VALUES);
      await log.close();
    },
  );

  it("that makes a batch larger than max.message.bytes refuses it, and the next one is taken", async () => {
    const settings = { "compression.type": "uncompressed", "max.message.bytes": 5000 };
    const log = await openLeader(new MemoryStore(), { config: config(settings) });
    const zeros = batchOf(["0".repeat(10_000)], { codec: CODECS.lz4 });
    const { code, message } = await failureOf(() => Promise.resolve(log.append(zeros)));
    expect(code).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(message).toMatch(/max\.message\.bytes is 5000/);
    await log.append(batchOf(["small"])).synced;
    expect(log.highWatermark).toBe(1n);
    await log.close();
  });
});

describe("LogAppendTime", () => {
  it("gives every record the time of its append, whatever its producer's clock said", async () => {
    const log = await openLeader(new MemoryStore(), {
      config: config({ "message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": 1 }),
    });
    const appended = log.append(batchOf(["a", "b"], { timestamp: 1000 }));
    await appended.synced;
    expect(appended.logAppendTimeMs).toBe(BigInt(START_MS));
    const [read = new Uint8Array()] = await readBatches(log);
    const header = new BatchHeader(read);
    expect(header.attributes & LOG_APPEND_TIME_BIT).toBe(LOG_APPEND_TIME_BIT);
    expect(header.maxTimestamp).toBe(BigInt(START_MS));
    expect(engine.checkBatch(read, true, MAX)).toBe(read.length);
    expect(Array.from(engine.readBatch(read, MAX), ({ timestamp }) => timestamp)).toEqual([
      START_MS,
      START_MS,
    ]);
    expect(await log.offsetForTimestamp(BigInt(START_MS))).toMatchObject({ offset: 0n });
    expect(await log.offsetForTimestamp(BigInt(START_MS) + 1n)).toBeUndefined();
    await log.close();
  });

  it("of a producer's timestamps is not told to who keeps them", async () => {
    const log = await openLeader(new MemoryStore());
    expect(log.append(batchOf(["a"])).logAppendTimeMs).toBe(-1n);
    await log.close();
  });
});
