/** What a leader takes, what it refuses and with which of Kafka's codes, and when it says that something is done. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { CrashingStore, type Operation } from "./crashing-store.ts";
import {
  appendAll,
  batchOf,
  config,
  engine,
  failureOf,
  openLeader,
  optionsFor,
  randomOf,
  readValues,
  START_MS,
  tickClock,
} from "./harness.ts";

/** The same batch with some bytes set; sealed anew unless `isSealed` is false. */
function changed(
  batch: Uint8Array,
  edit: (view: DataView, bytes: Uint8Array) => void,
  isSealed = true,
): Uint8Array {
  const copy = batch.slice();
  const view = new DataView(copy.buffer);
  edit(view, copy);
  if (isSealed) view.setUint32(17, engine.crc32c(copy.subarray(21)));
  return copy;
}

const HOUR_MS = 60 * 60 * 1000;
const plain = (): Uint8Array => batchOf(["a", "b"]);

describe("a batch is refused", () => {
  const cases: [what: string, code: number, batch: () => Uint8Array, settings?: Record<string, number>][] = [
    ["when it is empty", ErrorCode.INVALID_RECORD, () => new Uint8Array(0)],
    ["when it is cut short", ErrorCode.INVALID_RECORD, () => plain().subarray(0, 70)],
    [
      "when a byte was flipped",
      ErrorCode.CORRUPT_MESSAGE,
      () => changed(plain(), (_, bytes) => (bytes[70] = 99), false),
    ],
    [
      "when its length is negative",
      ErrorCode.CORRUPT_MESSAGE,
      () => changed(plain(), (view) => view.setInt32(8, -1)),
    ],
    [
      "when its count of records cannot be, and it was sealed like that",
      ErrorCode.INVALID_RECORD,
      () => changed(plain(), (view) => view.setInt32(57, -1)),
    ],
    [
      "when its count of records cannot be, and a bit was flipped",
      ErrorCode.CORRUPT_MESSAGE,
      () => changed(plain(), (view) => view.setInt32(57, -1), false),
    ],
    [
      "when it has an offset already",
      ErrorCode.INVALID_RECORD,
      () => changed(plain(), (view) => view.setBigInt64(0, 7n)),
    ],
    [
      "when it is of an old magic",
      ErrorCode.INVALID_RECORD,
      () => changed(plain(), (view) => view.setInt8(16, 1)),
    ],
    [
      "when another one follows it",
      ErrorCode.INVALID_RECORD,
      () => Uint8Array.from([...plain(), ...plain()]),
    ],
    [
      "when it counts fewer records than it has",
      ErrorCode.INVALID_RECORD,
      () => changed(plain(), (view) => view.setInt32(57, 1)),
    ],
    [
      "when it has no records",
      ErrorCode.INVALID_RECORD,
      () =>
        changed(plain().slice(0, 61), (view) => {
          view.setInt32(8, 49);
          view.setInt32(57, 0);
          view.setInt32(23, 0);
        }),
    ],
    [
      "when its records are not sound",
      ErrorCode.INVALID_RECORD,
      () => changed(plain(), (_, bytes) => (bytes[61] = 0x7f)),
    ],
    [
      "when it is a control batch",
      ErrorCode.INVALID_RECORD,
      () => batchOf(["a"], { control: true, producerId: 1n, producerEpoch: 0, baseSequence: 0 }),
    ],
    [
      "when it is transactional",
      ErrorCode.INVALID_RECORD,
      () => batchOf(["a"], { transactional: true, producerId: 1n, producerEpoch: 0, baseSequence: 0 }),
    ],
    [
      "when it claims log append time",
      ErrorCode.INVALID_RECORD,
      () => changed(plain(), (view) => view.setInt16(21, 8)),
    ],
    [
      "when it has a producer and no sequence",
      ErrorCode.INVALID_RECORD,
      () => batchOf(["a"], { producerId: 1n, producerEpoch: 0, baseSequence: -1 }),
    ],
    [
      "when it has a producer and no epoch",
      ErrorCode.INVALID_RECORD,
      () => batchOf(["a"], { producerId: 1n, producerEpoch: -1, baseSequence: 0 }),
    ],
    [
      "when it names a codec that does not exist",
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      () => changed(plain(), (view) => view.setInt16(21, 7)),
    ],
    [
      "when its frame is not lz4",
      ErrorCode.INVALID_RECORD,
      () => changed(plain(), (view) => view.setInt16(21, 3)),
    ],
    [
      "when it is larger than max.message.bytes",
      ErrorCode.MESSAGE_TOO_LARGE,
      () => batchOf(["x".repeat(500)]),
      { "max.message.bytes": 400 },
    ],
    [
      "when it lies more than an hour ahead",
      ErrorCode.INVALID_TIMESTAMP,
      () => batchOf(["a"], { timestamp: START_MS + HOUR_MS + 1 }),
    ],
    [
      "when it lies too far back, if that is bounded",
      ErrorCode.INVALID_TIMESTAMP,
      () => batchOf(["a"], { timestamp: START_MS - 1001 }),
      { "message.timestamp.before.max.ms": 1000 },
    ],
    [
      "when it decompresses to too much",
      ErrorCode.MESSAGE_TOO_LARGE,
      () => batchOf(["x".repeat(20_000_000)], { codec: 3 }),
    ],
  ];

  it("in a compacted topic when a record has no key, and says which", async () => {
    const log = await openLeader(new MemoryStore(), { config: config({ "cleanup.policy": "compact" }) });
    const keyed = { value: "v", key: "k" };
    const keyless = { value: "v", key: null };
    const refusal = await failureOf(() => log.append(batchOf([keyed, keyless, keyed, keyless])));
    expect(refusal.code).toBe(ErrorCode.INVALID_RECORD);
    expect(refusal.records.map(({ index }) => index)).toEqual([1, 3]);
    expect(log.append(batchOf([keyed])).baseOffset).toBe(0n);
  });

  it("for its timestamps, and says whose", async () => {
    const log = await openLeader(new MemoryStore(), { config: config() });
    const timestamps = [START_MS, START_MS + 2 * HOUR_MS, START_MS];
    const refusal = await failureOf(() =>
      log.append(batchOf(timestamps.map((timestamp) => ({ value: "v", timestamp })))),
    );
    expect(refusal.code).toBe(ErrorCode.INVALID_TIMESTAMP);
    expect(refusal.records.map(({ index }) => index)).toEqual([1]);
  });

  it("for a hundred thousand records, and names no more than a hundred", async () => {
    const log = await openLeader(new MemoryStore(), { config: config({ "cleanup.policy": "compact" }) });
    const refusal = await failureOf(() => log.append(batchOf(Array.from({ length: 100_000 }, () => ""))));
    expect(refusal.records).toHaveLength(100);
  });

  it.each(cases)("%s", async (_what, code, batch, settings = {}) => {
    const log = await openLeader(new MemoryStore(), { config: config(settings) });
    expect((await failureOf(() => log.append(batch()))).code).toBe(code);
    expect(log.logEndOffset).toBe(0n);
    expect(log.append(batchOf(["good"])).baseOffset).toBe(0n);
  });

  it("with nothing changed in it", async () => {
    const log = await openLeader(new MemoryStore());
    const batch = batchOf(["a"], { transactional: true, producerId: 1n, producerEpoch: 0, baseSequence: 0 });
    const before = batch.slice();
    await failureOf(() => log.append(batch));
    expect(batch).toEqual(before);
  });
});

describe("a batch is taken", () => {
  it("with a timestamp just inside of the bounds, or with none", async () => {
    const log = await openLeader(new MemoryStore(), {
      config: config({ "message.timestamp.before.max.ms": 1000 }),
    });
    const stamps = [START_MS + HOUR_MS, START_MS - 1000, -1];
    await appendAll(
      log,
      stamps.map((timestamp) => batchOf(["a"], { timestamp })),
    );
    expect(log.highWatermark).toBe(3n);
  });

  it("by a leader only", async () => {
    const replica = await PartitionLog.open(optionsFor(new MemoryStore()));
    expect((await failureOf(() => replica.append(plain()))).code).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });
});

describe("group commit", () => {
  it("writes what one tick brings with one write and one sync, and gathers while they are in flight", async () => {
    const store = new CrashingStore(() => 0.9);
    const log = await openLeader(store, { clock: tickClock });
    const counts: Partial<Record<Operation, number>> = {};
    const step = store.step.bind(store);
    store.step = (operation, name, partly) => {
      if (name.endsWith(".log")) counts[operation] = (counts[operation] ?? 0) + 1;
      return step(operation, name, partly);
    };
    const results = Array.from({ length: 100 }, (_, at) => log.append(batchOf([`${at}`])));
    await Promise.all(results.map(({ synced }) => synced));
    expect(counts).toEqual({ append: 1, sync: 1 });
    expect(log.highWatermark).toBe(100n);
  });

  it("answers written before synced, and moves the high watermark only then", async () => {
    const store = new CrashingStore(() => 0.9);
    const log = await openLeader(store);
    const order: string[] = [];
    log.onAdvance(() => order.push("advance"));
    const { written, synced } = log.append(batchOf(["a"]));
    await Promise.all([
      written.then(() => {
        expect(log.highWatermark).toBe(0n);
        order.push("written");
      }),
      synced.then(() => order.push("synced")),
    ]);
    expect(order).toEqual(["written", "advance", "synced"]);
  });

  it("goes on when a listener throws", async () => {
    const log = await openLeader(new MemoryStore());
    log.onAdvance(() => {
      throw new Error("listener");
    });
    await appendAll(log, [batchOf(["a"]), batchOf(["b"])]);
    expect(log.highWatermark).toBe(2n);
  });

  it("with a lazy flush counts written as synced, and syncs after so many records", async () => {
    const store = new CrashingStore(() => 0.9);
    const log = await openLeader(store, { config: config({ "flush.messages": 10 }), clock: tickClock });
    store.arm({ at: 1, kind: "crash", operation: "sync" });
    for (let at = 0; at < 9; at++) await log.append(batchOf(["a"])).synced;
    expect(log.highWatermark).toBe(9n);
    expect(store.isDead).toBe(false);
    await log.append(batchOf(["tenth"])).synced;
    await store.crashed;
    expect(log.highWatermark).toBe(10n);
  });

  it("with a lazy flush syncs after so many milliseconds", async () => {
    const store = new CrashingStore(() => 0.9);
    const log = await openLeader(store, { config: config({ "flush.ms": 50 }), clock: tickClock });
    store.arm({ at: 1, kind: "crash", operation: "sync" });
    await log.append(batchOf(["a"])).synced;
    expect([log.highWatermark, store.isDead]).toEqual([1n, false]);
    await store.crashed;
  });
});

describe("a failed write or sync", () => {
  const faults: [Operation, number][] = [
    ["append", 1],
    ["append", 3],
    ["sync", 1],
    ["sync", 2],
    ["write", 1],
    ["write", 3],
  ];

  it.each(faults)(
    "at the %s number %i fences the partition, and what was readable stays so",
    async (operation, at) => {
      const store = new CrashingStore(randomOf(at));
      const errors: string[] = [];
      const logger = {
        info: () => {},
        warn: () => {},
        error: (message: string) => void errors.push(message),
      };
      const log = await openLeader(store, {
        config: config({ "segment.bytes": 300 }),
        clock: tickClock,
        log: logger,
      });
      await appendAll(log, [batchOf(["first"])]);
      store.arm({ at, kind: "fail", operation, suffix: operation === "write" ? "" : ".log" });
      const results = Array.from({ length: 12 }, (_, index) =>
        log.append(batchOf([`value ${index} ${"x".repeat(40)}`])),
      );
      const outcomes = await Promise.allSettled(results.map(({ synced }) => synced));
      const rejected = outcomes.filter((outcome) => outcome.status === "rejected");
      expect(rejected.length).toBeGreaterThan(0);
      for (const { reason } of rejected)
        expect(reason).toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
      const { highWatermark } = log;
      expect(log.fenced?.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect((await failureOf(() => log.append(batchOf(["late"])))).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      for (let tick = 0; tick < 30; tick++) await new Promise((resolve) => setImmediate(resolve));
      expect(log.highWatermark).toBe(highWatermark);
      expect((await readValues(log)).length).toBe(Number(highWatermark));
      expect((await failureOf(() => log.close())).code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(store.violations).toEqual([]);
      expect(errors).toHaveLength(1);
    },
  );

  it("is no unhandled rejection for one who waits for nothing", async () => {
    const store = new CrashingStore(() => 0.9);
    const log = await openLeader(store);
    store.arm({ at: 1, kind: "fail", operation: "sync" });
    let unhandled = 0;
    const count = (): void => void unhandled++;
    process.on("unhandledRejection", count);
    log.append(batchOf(["a"]));
    for (let tick = 0; tick < 20; tick++) await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", count);
    expect(log.fenced).toBeDefined();
    expect(unhandled).toBe(0);
  });
});

describe("reading while appending", () => {
  it("gives every record once, in order, whatever is in flight", async () => {
    const log = await openLeader(new CrashingStore(randomOf(5)), {
      config: config({ "segment.bytes": 2000, "index.interval.bytes": 100 }),
      clock: tickClock,
    });
    const expected: [bigint, string][] = [];
    let isDone = false;
    const writer = (async () => {
      for (let at = 0; at < 400; at++) {
        expected.push([BigInt(at), `value ${at}`]);
        const { synced } = log.append(batchOf([`value ${at}`]));
        if (at % 7 === 0) await synced;
      }
      isDone = true;
    })();
    const readers = [1, 300, 5000].map(async (bytesMax) => {
      const seen: [bigint, string][] = [];
      while (!isDone || BigInt(seen.length) < log.highWatermark || seen.length < expected.length) {
        seen.push(...(await readValues(log, BigInt(seen.length), bytesMax)));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(seen).toEqual(expected);
    });
    await writer;
    await Promise.all(readers);
    await log.close();
  });
});
