import { describe, expect, test } from "vitest";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CODEC_LZ4,
  CODEC_NONE,
  DESCRIPTOR_BYTES,
  HEAP_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  MEMORY_BYTES_MAX,
  RECORDS_COUNT_AT,
  RECORD_TIMES_BYTES,
} from "../../engine-as/format.ts";
import {
  BAD_ARGUMENT,
  BAD_CRC,
  BAD_FRAME,
  BAD_LENGTH,
  BAD_MAGIC,
  BAD_OFFSET,
  BAD_RECORDS,
  OK,
  OUTPUT_FULL,
  TORN,
} from "../../engine-as/status.ts";
import { KafkaError } from "../../wire/errors.ts";
import { options, randomRecords, resealed, utf8 } from "./batches.ts";
import { damaged } from "./damage.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";
import { timesOf, timesWritten } from "./record-times.ts";
import { judgeRecords, type Verdict } from "./records-reference.ts";

const MAX = 1 << 20;
const ROUNDS = 20_000;

const STATUS: Readonly<Record<Exclude<Verdict, "sound">, number>> = {
  "bad records": BAD_RECORDS,
  "bad offset": BAD_OFFSET,
};

/** A batch with these bytes as its records. */
function batchOf(records: Uint8Array | readonly number[], count: number, lastDelta = count - 1): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES + records.length);
  batch.set(records, BATCH_HEADER_BYTES);
  batch[MAGIC_AT] = 2;
  const view = new DataView(batch.buffer);
  view.setInt32(LAST_OFFSET_DELTA_AT, lastDelta);
  view.setInt32(RECORDS_COUNT_AT, count);
  return resealed(batch);
}

describe.each(engineKinds)("damaged batches, %s build", (kind) => {
  const engine = loadEngine(kind);

  test.each([CODEC_NONE, CODEC_LZ4])(
    "every bit of a sealed batch turned over is noticed, but for base offset and leader epoch (codec %i)",
    (codec) => {
      const batch = engine.writeBatch(randomRecords(new Random(4), 12), options({ codec }));
      for (let at = 0; at < batch.length; at++) {
        const stamped = at < BATCH_LENGTH_AT || (at >= LEADER_EPOCH_AT && at < MAGIC_AT);
        for (let bit = 0; bit < 8; bit++) {
          batch[at] = (batch[at] ?? 0) ^ (1 << bit);
          const status = engine.checkBatch(batch, true, MAX);
          batch[at] = (batch[at] ?? 0) ^ (1 << bit);
          if (stamped ? status !== batch.length : status >= 0)
            expect.fail(`byte ${at} bit ${bit}: ${status}`);
        }
      }
    },
  );

  test("a batch cut at any length is torn; with bytes after it it is its own size", () => {
    const batch = engine.writeBatch(randomRecords(new Random(5), 8), options());
    for (let length = 0; length < batch.length; length++) {
      expect(engine.checkBatch(batch.subarray(0, length), true, MAX), `cut to ${length}`).toBe(TORN);
    }
    const more = new Uint8Array(batch.length + 100).fill(7);
    more.set(batch);
    expect(engine.checkBatch(more, true, MAX)).toBe(batch.length);
  });

  test("lengths, counts and magics that cannot be are named as such", () => {
    const sound = engine.writeBatch(randomRecords(new Random(6), 3), options());
    const changed = (change: (view: DataView) => void, seal: boolean): number => {
      const batch = sound.slice();
      change(new DataView(batch.buffer));
      if (seal) {
        const length = new DataView(batch.buffer).getInt32(BATCH_LENGTH_AT);
        resealed(batch);
        new DataView(batch.buffer).setInt32(BATCH_LENGTH_AT, length);
      }
      return engine.checkBatch(batch, true, MAX);
    };
    for (const length of [-1, -(2 ** 31), 0, 48, 2 ** 31 - 1, 2 ** 31 - 12]) {
      expect(
        changed((view) => view.setInt32(BATCH_LENGTH_AT, length), false),
        `length ${length}`,
      ).toBe(BAD_LENGTH);
    }
    for (const magic of [0, 1, 3, 255])
      expect(changed((view) => view.setUint8(MAGIC_AT, magic), false)).toBe(BAD_MAGIC);
    expect(changed((view) => view.setUint8(70, 0xee), false)).toBe(BAD_CRC);
    for (const count of [-1, -(2 ** 31), 4, 2 ** 31 - 1]) {
      expect(
        changed((view) => view.setInt32(RECORDS_COUNT_AT, count), true),
        `count ${count}`,
      ).toBe(BAD_LENGTH);
    }
    for (const delta of [-1, -(2 ** 31)]) {
      expect(changed((view) => view.setInt32(LAST_OFFSET_DELTA_AT, delta), true)).toBe(BAD_LENGTH);
    }
    expect(changed((view) => view.setInt32(RECORDS_COUNT_AT, 2), true)).toBe(BAD_RECORDS);
    expect(changed((view) => view.setInt16(21, 5), true)).toBeLessThan(0);
    expect(engine.checkBatch(new Uint8Array(100), true, MAX)).toBe(BAD_MAGIC);
    expect(engine.checkBatch(new Uint8Array(0), true, MAX)).toBe(TORN);
  });

  test.each<[string, readonly number[], number, number]>([
    ["the least record", [12, 0, 0, 0, 1, 1, 0], 1, 20_000],
    ["an empty key and an empty value", [12, 0, 0, 0, 0, 0, 0], 1, 20_000],
    ["a length of five needless groups", [0x8c, 0x80, 0x80, 0x80, 0x00, 0, 0, 0, 1, 1, 0], 1, 20_000],
    ["a length of six groups", [0x8c, 0x80, 0x80, 0x80, 0x80, 0x00, 0, 0, 0, 1, 1, 0], 1, BAD_RECORDS],
    ["a length beyond 32 bits", [0x8c, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 1, 1, 0], 1, BAD_RECORDS],
    ["a negative length", [11, 0, 0, 0, 1, 1, 0], 1, BAD_RECORDS],
    ["a length beyond the batch", [14, 0, 0, 0, 1, 1, 0], 1, BAD_RECORDS],
    ["a length short of the record", [10, 0, 0, 0, 1, 1, 0], 1, BAD_RECORDS],
    ["a byte after the headers", [14, 0, 0, 0, 1, 1, 0, 0], 1, BAD_RECORDS],
    ["a byte after the records", [12, 0, 0, 0, 1, 1, 0, 0], 1, BAD_RECORDS],
    ["a key length below null", [12, 0, 0, 0, 3, 1, 0], 1, BAD_RECORDS],
    ["a key beyond the record", [12, 0, 0, 0, 8, 1, 0], 1, BAD_RECORDS],
    ["a value beyond the record", [12, 0, 0, 0, 1, 4, 0], 1, BAD_RECORDS],
    ["a value of 2^31 - 1", [20, 0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0], 1, BAD_RECORDS],
    ["a negative header count", [12, 0, 0, 0, 1, 1, 1], 1, BAD_RECORDS],
    ["more headers than bytes", [12, 0, 0, 0, 1, 1, 2], 1, BAD_RECORDS],
    ["a header with a null key", [16, 0, 0, 0, 1, 1, 2, 1, 1], 1, BAD_RECORDS],
    ["a header with a null value", [16, 0, 0, 0, 1, 1, 2, 0, 1], 1, 20_000],
    ["two equal offset deltas", [12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0], 2, BAD_OFFSET],
    ["falling offset deltas", [12, 0, 0, 2, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0], 2, BAD_OFFSET],
    ["a negative offset delta", [12, 0, 0, 1, 1, 1, 0], 1, BAD_OFFSET],
    ["an offset delta beyond the last", [12, 0, 0, 42, 1, 1, 0], 1, BAD_OFFSET],
    ["a gap, as compaction leaves it", [12, 0, 0, 4, 1, 1, 0, 12, 0, 0, 40, 1, 1, 0], 2, 20_000],
    ["a ten byte timestamp", [30, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 1, 1, 0], 1, 20_000],
    [
      "a timestamp beyond 64 bits",
      [30, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0, 1, 1, 0],
      1,
      BAD_RECORDS,
    ],
  ])("records are judged one by one: %s", (_, records, count, expected) => {
    const batch = batchOf(records, count, 20);
    const status = engine.checkBatch(batch, true, MAX);
    expect(status).toBe(expected === 20_000 ? batch.length : expected);
    if (expected === 20_000) expect(engine.readBatch(batch, MAX).count).toBe(count);
    else expect(() => engine.readBatch(batch, MAX)).toThrow(KafkaError);
    // The header says nothing of it: without `deep` the bytes are as they were sealed.
    expect(engine.checkBatch(batch, false, MAX)).toBe(batch.length);
  });

  test("a batch that compaction has emptied is sound", () => {
    const batch = batchOf([], 0, 7);
    expect(engine.checkBatch(batch, true, MAX)).toBe(batch.length);
    expect([...engine.readBatch(batch, MAX)]).toEqual([]);
  });

  test(`${ROUNDS} damaged batches, sealed again: judged as by a reader that is slow and sure, nothing written outside`, () => {
    const random = new Random(0xba7c4);
    const memory = new GuardedMemory(loadExports(kind), 1 << 20);
    const sources = Array.from({ length: 50 }, () => {
      const count = 1 + random.below(20);
      return { count, bytes: engine.writeBatch(randomRecords(random, count, 60), options()) };
    });
    const seen = new Map<Verdict, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const source = sources[round % sources.length];
      if (source === undefined) throw new Error("no source");
      const batch = resealed(damaged(source.bytes, random, BATCH_HEADER_BYTES));
      const records = batch.subarray(BATCH_HEADER_BYTES);
      const { verdict: expected, timestampDeltas } = judgeRecords(records, source.count, source.count - 1);
      seen.set(expected, (seen.get(expected) ?? 0) + 1);
      const where = `round ${round} of seed ${random.seed}`;

      const [at, scratch, times] = memory.lay(batch, 0, RECORD_TIMES_BYTES);
      if (!at || !scratch || !times) throw new Error("no regions");
      if (memory.exports.checkBatch(at.at, at.bytes) !== batch.length) expect.fail(`${where}: not sealed`);
      const status = memory.exports.checkRecords(at.at, at.bytes, scratch.at, 0, times.at);
      const wanted = expected === "sound" ? source.count : STATUS[expected];
      if (status !== wanted) expect.fail(`${where}: ${status}, but the records are ${expected}`);
      if (!memory.isUntouched([at, scratch, times], [batch, 0, RECORD_TIMES_BYTES]))
        expect.fail(`${where}: wrote outside`);
      if (expected === "sound")
        expect(timesWritten(memory.bytes, times.at), where).toEqual(timesOf(batch, timestampDeltas));

      const table = source.count * DESCRIPTOR_BYTES;
      const [input, output] = memory.lay(records, table);
      if (input === undefined || output === undefined) throw new Error("no regions");
      memory.exports.readRecords(input.at, input.bytes, 0, source.count, -1, source.count - 1, output.at);
      if (!memory.isUntouched([input, output], [records, table]))
        expect.fail(`${where}: wrote outside the table`);
    }
    expect([...seen.keys()].toSorted()).toEqual(["bad offset", "bad records", "sound"]);
  });

  test("thousands of damaged lz4 batches, sealed again, throw a KafkaError or are read", () => {
    const random = new Random(0x124);
    const answers = new Set<number>();
    for (let round = 0; round < 4000; round++) {
      const count = 1 + random.below(30);
      const sealed = engine.writeBatch(randomRecords(random, count, 100), options({ codec: CODEC_LZ4 }));
      const batch = resealed(damaged(sealed, random, BATCH_HEADER_BYTES + (random.oneIn(10) ? 0 : 7)));
      const status = engine.checkBatch(batch, true, MAX);
      answers.add(Math.min(status, 0));
      if (status < 0) expect(() => engine.readBatch(batch, MAX), `round ${round}`).toThrow(KafkaError);
      else expect([...engine.readBatch(batch, MAX)].length).toBe(count);
    }
    for (const answer of [OK, BAD_RECORDS, BAD_FRAME]) expect(answers).toContain(answer);
  });

  test("a bomb ends at its limit", () => {
    const zeros = { key: null, value: new Uint8Array(30_000_000), timestamp: 0 };
    const bomb = engine.writeBatch([zeros], options({ codec: CODEC_LZ4 }));
    expect(bomb.length).toBeLessThan(150_000);
    expect(engine.checkBatch(bomb, true, 1_000_000)).toBe(OUTPUT_FULL);
    expect(() => engine.readBatch(bomb, 1_000_000)).toThrow(/limit/);
    expect(engine.checkBatch(bomb, true, 31_000_000)).toBe(bomb.length);
  });
});

describe.each(engineKinds)("the bare exports, %s build", (kind) => {
  test("refuse regions that are not the host's, and counts that no region holds", () => {
    const exports = loadExports(kind);
    const end = exports.memory.buffer.byteLength;
    const at = HEAP_AT;
    const bad = [
      [0, 100],
      [HEAP_AT - 1, 100],
      [end, 0],
      [end - 100, 100],
      [HEAP_AT, end],
      [HEAP_AT, -1],
      [-1, 1],
      [-8, 16],
      [MEMORY_BYTES_MAX, 1],
    ] as const;
    for (const [pointer, length] of bad) {
      const where = `${pointer}, ${length}`;
      expect(exports.crc32c(pointer, length, 5), where).toBe(0);
      expect(exports.batchSize(pointer, length), where).toBe(BAD_ARGUMENT);
      expect(exports.checkBatch(pointer, length), where).toBe(BAD_ARGUMENT);
      expect(exports.checkRecords(pointer, length, at, 0, at), where).toBe(BAD_ARGUMENT);
      expect(exports.checkRecords(at, 61, pointer, length, at), where).toBe(BAD_ARGUMENT);
      expect(exports.readRecords(pointer, length, 0, 0, -1, 0, at), where).toBe(BAD_ARGUMENT);
      expect(exports.compress(CODEC_LZ4, pointer, length, at, 100), where).toBe(BAD_ARGUMENT);
      expect(exports.compress(CODEC_LZ4, at, 10, pointer, length), where).toBe(BAD_ARGUMENT);
      expect(exports.decompress(CODEC_LZ4, pointer, length, at, 100), where).toBe(BAD_ARGUMENT);
      expect(exports.decompress(CODEC_LZ4, at, 10, pointer, length), where).toBe(BAD_ARGUMENT);
      const write = (data: number, dataLength: number, output: number, outputMax: number): number =>
        exports.writeBatch(at, 1, data, dataLength, output, outputMax, at, 0, 0, 0n, -1n, -1, -1);
      expect(write(pointer, length, at, 100), where).toBe(BAD_ARGUMENT);
      expect(write(at, 0, pointer, length), where).toBe(BAD_ARGUMENT);
    }
    expect(exports.readRecords(at, 10, 11, 1, -1, 0, at)).toBe(BAD_ARGUMENT);
    expect(exports.readRecords(at, 10, 0, 2 ** 31 - 1, -1, 0, at)).toBe(BAD_ARGUMENT);
    expect(exports.readRecords(at, 10, 0, 2, -1, 0, at)).toBe(BAD_RECORDS);
    expect(exports.scanSegment(at, at, 0, at, 2 ** 31 - 1, at, at)).toBe(BAD_ARGUMENT);
    expect(exports.scanSegment(at, at, 0, at, 0, at, at)).toBe(BAD_ARGUMENT);
    expect(exports.lookupOffset(at, 2 ** 31 - 1, 0)).toBe(BAD_ARGUMENT);
    expect(exports.lookupTime(at, -1, 0n)).toBe(BAD_ARGUMENT);
    expect(exports.compressedBytesMax(CODEC_LZ4, -1)).toBe(BAD_ARGUMENT);
  });

  test("of the writer refuse descriptors that point outside their data, and write nothing outside for any others", () => {
    const random = new Random(0x3417e);
    const memory = new GuardedMemory(loadExports(kind), 1 << 16);
    const data = new Uint8Array(600);
    data.set(utf8("some data"));
    const statuses = new Map<number, number>();
    const lengths = [-2, -1, 0, 1, 30, 600, 2 ** 31 - 1, -(2 ** 31)];
    for (let round = 0; round < 10_000; round++) {
      const count = 1 + random.below(3);
      const table = new Uint8Array(count * DESCRIPTOR_BYTES);
      const words = new Int32Array(table.buffer);
      for (let at = 0; at < words.length; at++) {
        const [small, odd] = [random.below(8), lengths[random.below(lengths.length)] ?? 0];
        words[at] = random.oneIn(10)
          ? random.word() | 0
          : random.oneIn(8)
            ? odd
            : at % 10 === 8
              ? small & 1
              : small;
      }
      const room = random.below(400);
      const [tableAt, dataAt, output, scratch] = memory.lay(table, data, room, 300);
      if (!tableAt || !dataAt || !output || !scratch) throw new Error("no regions");
      const codec = random.oneIn(3) ? CODEC_LZ4 : CODEC_NONE;
      const status = memory.exports.writeBatch(
        tableAt.at,
        count,
        dataAt.at,
        data.length,
        output.at,
        room,
        scratch.at,
        300,
        codec,
        0n,
        -1n,
        -1,
        -1,
      );
      statuses.set(Math.min(status, 1), (statuses.get(Math.min(status, 1)) ?? 0) + 1);
      const where = `round ${round} of seed ${random.seed}`;
      if (status > room) expect.fail(`${where}: ${status} bytes in a room of ${room}`);
      if (!memory.isUntouched([tableAt, dataAt, output, scratch], [table, data, room, 300])) {
        expect.fail(`${where}: wrote outside`);
      }
    }
    expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([BAD_ARGUMENT, OUTPUT_FULL, 1]);
  });
});
