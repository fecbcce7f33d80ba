import { describe, expect, test } from "vitest";
import { CODEC_LZ4, CODEC_NONE, HEAP_AT, MEMORY_BYTES_MAX } from "../../engine-as/format.ts";
import { BAD_ARGUMENT, BAD_CRC, OUTPUT_FULL, TORN } from "../../engine-as/status.ts";
import { BASE_TIMESTAMP, options, randomRecords } from "./batches.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";
import { lyingBatch, movedBatch } from "./record-times.ts";

const MAX = 1 << 20;
const BASE = BigInt(BASE_TIMESTAMP);
const INT64_MAX = 2n ** 63n - 1n;

describe.each(engineKinds)("timestamps of a batch's records, %s build", (kind) => {
  const engine = loadEngine(kind);
  const at = (...timestamps: readonly number[]): Uint8Array =>
    engine.writeBatch(
      timestamps.map((timestamp) => ({ key: null, value: null, timestamp })),
      options(),
    );

  test.each([CODEC_NONE, CODEC_LZ4])("are told in the pass that checks them (codec %i)", (codec) => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const records = randomRecords(random, 1 + random.below(40));
      const batch = engine.writeBatch(records, options({ codec }));
      const times = records.map(({ timestamp }) => timestamp);
      expect(engine.checkRecords(batch, MAX), `seed ${seed}`).toEqual({
        status: batch.length,
        timestamps: { oldest: BigInt(Math.min(...times)), newest: BigInt(Math.max(...times)) },
      });
    }
  });

  test.each([CODEC_NONE, CODEC_LZ4])("are the records' own when the header lies (codec %i)", (codec) => {
    const records = [5, 9, 2].map((later) => ({ key: null, value: null, timestamp: BASE_TIMESTAMP + later }));
    const batch = engine.writeBatch(records, options({ codec }));
    for (const claimed of [-1n, 0n, BASE + 8n, BASE + 10n, INT64_MAX]) {
      const { status, timestamps } = engine.checkRecords(lyingBatch(batch, claimed), MAX);
      expect([status, timestamps], `${claimed}`).toEqual([
        batch.length,
        { oldest: BASE + 2n, newest: BASE + 9n },
      ]);
    }
  });

  test.each<[string, bigint, readonly number[], bigint, bigint]>([
    ["no record has one", -1n, [0, 0], -1n, -1n],
    ["the first has none", -1n, [0, 11, 6], 5n, 10n],
    ["the last has none", 10n, [0, -3, -11], 7n, 10n],
    ["one is 0", 0n, [0, 7], 0n, 7n],
    ["all lie before 1970", -50n, [0, 10], -50n, -1n],
    ["a sum goes beyond 64 bits, and around", INT64_MAX, [0, 1], -INT64_MAX - 1n, INT64_MAX],
  ])("are counted as Kafka does when %s", (_, base, deltas, oldest, newest) => {
    const batch = movedBatch(at(...deltas.map((delta) => BASE_TIMESTAMP + delta)), base);
    expect(engine.checkRecords(batch, MAX).timestamps).toEqual({ oldest, newest });
  });

  test("are not made up for records that are damaged or not there", () => {
    const batch = at(BASE_TIMESTAMP, BASE_TIMESTAMP + 1);
    expect(engine.checkRecords(batch.subarray(0, 70), MAX)).toEqual({ status: TORN });
    const flipped = batch.slice();
    flipped[70] = (flipped[70] ?? 0) ^ 1;
    expect(engine.checkRecords(flipped, MAX)).toEqual({ status: BAD_CRC });
  });

  test("are told of records that need more room than was tried first", () => {
    const own = loadEngine(kind);
    const records = [3, 8].map((later) => ({
      key: null,
      value: new Uint8Array(6_000_000),
      timestamp: BASE_TIMESTAMP + later,
    }));
    const batch = own.writeBatch(records, options({ codec: CODEC_LZ4 }));
    expect(own.checkRecords(batch, 1 << 24).timestamps).toEqual({ oldest: BASE + 3n, newest: BASE + 8n });
    expect(own.checkRecords(batch, MAX)).toEqual({ status: OUTPUT_FULL });
  });

  test("are written nowhere but in the host's part of memory", () => {
    const batch = at(BASE_TIMESTAMP);
    const exports = loadExports(kind);
    const end = exports.memory.buffer.byteLength;
    new Uint8Array(exports.memory.buffer).set(batch, HEAP_AT);
    const scratch = HEAP_AT + 1024;
    expect(exports.checkRecords(HEAP_AT, batch.length, scratch, 0, scratch)).toBe(1);
    for (const times of [0, HEAP_AT - 1, end - 47, end, MEMORY_BYTES_MAX, -1, -16])
      expect(exports.checkRecords(HEAP_AT, batch.length, scratch, 0, times), `${times}`).toBe(BAD_ARGUMENT);
    expect(exports.checkRecords(HEAP_AT, batch.length, scratch, 0, end - 48)).toBe(1);
  });
});
