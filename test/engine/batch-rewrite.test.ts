import lz4 from "lz4-napi";
import { describe, expect, test } from "vitest";
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CODEC_LZ4,
  CODEC_NONE,
  CONTROL_BIT,
  CRC_AT,
  DELETE_HORIZON_BIT,
  LOG_APPEND_TIME_BIT,
  MAX_TIMESTAMP_AT,
  RECORDS_COUNT_AT,
  TRANSACTIONAL_BIT,
} from "../../engine-as/format.ts";
import { BAD_ARGUMENT, BAD_CRC, OUTPUT_FULL } from "../../engine-as/status.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine, RewriteOptions } from "../../log/engine.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { BASE_TIMESTAMP, comparable, options, randomRecords, resealed, utf8 } from "./batches.ts";
import { damaged } from "./damage.ts";
import { GuardedMemory } from "./guarded.ts";
import { decode } from "./kafkajs.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";
import { rewritten } from "./rewrite-reference.ts";

const MAX = 1 << 22;
const PLAIN: RewriteOptions = { deleteHorizonMs: -1n, uncompressedBytesMax: MAX };
const CODECS = [
  ["none", CODEC_NONE],
  ["lz4", CODEC_LZ4],
] as const;

/** A batch with everything that may differ between two batches of a log. */
function randomBatch(engine: Engine, random: Random, codec: number, count: number): Uint8Array {
  const isProduced = random.oneIn(2);
  const batch = engine.writeBatch(
    randomRecords(random, count),
    options({
      codec,
      producerId: isProduced ? 7n : -1n,
      producerEpoch: isProduced ? 2 : -1,
      baseSequence: isProduced ? random.word() >>> 1 : -1,
      transactional: random.oneIn(3),
      control: random.oneIn(5),
    }),
  );
  new BatchHeader(batch).stamp(BigInt(random.word()) << 20n, random.below(100));
  const view = new DataView(batch.buffer);
  if (random.oneIn(4))
    view.setInt16(
      ATTRIBUTES_AT,
      view.getInt16(ATTRIBUTES_AT) | [LOG_APPEND_TIME_BIT, DELETE_HORIZON_BIT][random.below(2)]!,
    );
  return resealed(batch);
}

/** The records of a batch as they are when they are not compressed. */
function recordBytes(batch: Uint8Array): Uint8Array {
  const bytes = Buffer.from(batch.subarray(BATCH_HEADER_BYTES));
  return new BatchHeader(batch).codec === CODEC_LZ4 ? lz4.decompressFrameSync(bytes) : bytes;
}

/** A header without its length and CRC, which depend on how records are compressed. */
function comparableHeader(batch: Uint8Array): string {
  const header = batch.slice(0, BATCH_HEADER_BYTES);
  header.fill(0, BATCH_LENGTH_AT, BATCH_LENGTH_AT + 4).fill(0, CRC_AT, CRC_AT + 4);
  return Buffer.from(header).toString("hex");
}

function randomKeep(random: Random, count: number): boolean[] {
  const one = random.below(6);
  return Array.from({ length: count }, () => one > 0 && (one === 5 || random.below(5) < one));
}

describe.each(engineKinds)("batches written again, %s build", (kind) => {
  const engine = loadEngine(kind);

  test.each(CODECS)(
    "%s: any records may be left out, and all else is as Kafka's cleaner leaves it",
    (_, codec) => {
      for (let seed = 1; seed <= 300; seed++) {
        const random = new Random(seed);
        const batch = randomBatch(engine, random, codec, 1 + random.below(seed % 50 === 0 ? 3000 : 40));
        // Again and again, as a log is cleaned: holes, and horizons that are there.
        for (let round = 0, from = batch; round < 3; round++) {
          const kept = randomKeep(random, new BatchHeader(from).recordsCount);
          const keep = (index: number): boolean => kept[index] ?? false;
          const deleteHorizonMs = random.oneIn(3) ? BigInt(BASE_TIMESTAMP + random.below(2 ** 40)) : -1n;
          const expected = rewritten(from, recordBytes(from), keep, deleteHorizonMs);
          const found = engine.rewriteBatch(from, keep, { ...PLAIN, deleteHorizonMs });
          const label = `seed ${seed}, round ${round}`;
          expect(engine.checkBatch(found, true, MAX), label).toBe(found.length);
          if (expected.isVerbatim || new BatchHeader(found).codec === CODEC_NONE) {
            expect(Buffer.compare(found, expected.batch), label).toBe(0);
          } else {
            expect(comparableHeader(found), label).toBe(comparableHeader(expected.batch));
            const records = expected.batch.subarray(BATCH_HEADER_BYTES);
            expect(Buffer.compare(recordBytes(found), records), label).toBe(0);
          }
          from = found;
        }
      }
    },
  );

  test("readers find the records that are left at their offsets and times, kafkajs among them", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new Random(seed);
      const count = 2 + random.below(60);
      const batch = engine.writeBatch(
        randomRecords(random, count),
        options({ producerId: 9n, producerEpoch: 1, baseSequence: 5 }),
      );
      new BatchHeader(batch).stamp(1000n, 3);
      const deleteHorizonMs = random.oneIn(2) ? BigInt(BASE_TIMESTAMP) + 10n ** 9n : -1n;
      const keep = (index: number): boolean => (index * 7 + seed) % 3 > 0;
      const before = [...engine.readBatch(batch, MAX)].filter((_, index) => keep(index));
      const found = engine.rewriteBatch(batch, keep, { ...PLAIN, deleteHorizonMs });
      const after = [...engine.readBatch(found, MAX)];
      expect(comparable(after), `seed ${seed}`).toEqual(comparable(before));
      expect(after.map(({ offset }) => offset)).toEqual(before.map(({ offset }) => offset));
      const foreign = await decode(found);
      expect(foreign).toMatchObject({ firstOffset: "1000", lastOffsetDelta: count - 1, firstSequence: 5 });
      expect(foreign.records.map(({ offset, timestamp }) => [offset, timestamp])).toEqual(
        before.map(({ offset, timestamp }) => [String(offset), String(timestamp)]),
      );
      const header = new BatchHeader(found);
      expect(header.deleteHorizonMs).toBe(deleteHorizonMs < 0n ? undefined : deleteHorizonMs);
      expect(header.maxTimestamp).toBe(BigInt(Math.max(...before.map(({ timestamp }) => timestamp))));
    }
  });

  test("with none left the header stays: offsets, producer, sequence and greatest timestamp, no codec and no horizon", () => {
    for (const [, codec] of CODECS) {
      const records = [3, 9, 6].map((ms) => ({
        key: utf8("k"),
        value: utf8("v"),
        timestamp: BASE_TIMESTAMP + ms,
      }));
      const producer = { producerId: 77n, producerEpoch: 4, baseSequence: 12, transactional: true };
      const batch = engine.writeBatch(records, options({ codec, ...producer }));
      new BatchHeader(batch).stamp(500n, 6);
      const empty = engine.rewriteBatch(batch, () => false, { ...PLAIN, deleteHorizonMs: 5n });
      expect(empty.length).toBe(BATCH_HEADER_BYTES);
      expect(engine.checkBatch(empty, true, MAX)).toBe(empty.length);
      const header = new BatchHeader(empty);
      expect(header).toMatchObject({ baseOffset: 500n, lastOffset: 502n, leaderEpoch: 6, recordsCount: 0 });
      expect(header).toMatchObject({ producerId: 77n, producerEpoch: 4, baseSequence: 12 });
      expect(header.attributes).toBe(TRANSACTIONAL_BIT);
      expect(header.baseTimestamp).toBe(-1n);
      expect(header.maxTimestamp).toBe(BigInt(BASE_TIMESTAMP + 9));
      // Cleaned once more it is what it was.
      expect(engine.rewriteBatch(empty, () => true, { ...PLAIN, deleteHorizonMs: 5n })).toEqual(empty);
      expect([...engine.readBatch(empty, MAX)]).toEqual([]);
    }
  });

  test("a marker that stays gets its delete horizon, keeps it, and is told by it", () => {
    const marker = [
      { key: Uint8Array.of(0, 0, 0, 1), value: Uint8Array.of(0, 0, 0, 0, 0, 8), timestamp: BASE_TIMESTAMP },
    ];
    const batch = engine.writeBatch(
      marker,
      options({ producerId: 3n, producerEpoch: 0, transactional: true, control: true }),
    );
    const once = engine.rewriteBatch(batch, () => true, { ...PLAIN, deleteHorizonMs: 99n });
    expect(new BatchHeader(once).attributes).toBe(TRANSACTIONAL_BIT | CONTROL_BIT | DELETE_HORIZON_BIT);
    expect(new BatchHeader(once).deleteHorizonMs).toBe(99n);
    expect(comparable(engine.readBatch(once, MAX))).toEqual(comparable(marker));
    expect(engine.rewriteBatch(once, () => true, { ...PLAIN, deleteHorizonMs: 1234n })).toEqual(once);
  });

  test("in log-append time all keep the time of the batch", () => {
    const records = [10, 30, 20].map((timestamp) => ({ key: utf8("k"), value: null, timestamp }));
    const batch = engine.writeBatch(records, options());
    const view = new DataView(batch.buffer);
    view.setInt16(ATTRIBUTES_AT, LOG_APPEND_TIME_BIT);
    view.setBigInt64(MAX_TIMESTAMP_AT, 40n);
    const found = engine.rewriteBatch(resealed(batch), (index) => index !== 1, PLAIN);
    expect(new BatchHeader(found).attributes).toBe(LOG_APPEND_TIME_BIT);
    expect([...engine.readBatch(found, MAX)].map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
      [0n, 40],
      [2n, 40],
    ]);
  });

  test("records that get larger because the first one goes, or all times move, find room", () => {
    const records = Array.from({ length: 2000 }, (_, index) => ({
      key: null,
      value: null,
      timestamp: index === 1 ? 2 ** 45 : 0,
    }));
    for (const [, codec] of CODECS) {
      const batch = engine.writeBatch(records, options({ codec }));
      const late = engine.rewriteBatch(batch, (index) => index > 0, PLAIN);
      expect(recordBytes(late).length).toBeGreaterThan(recordBytes(batch).length + 5 * 1990);
      expect(comparable(engine.readBatch(late, MAX))).toEqual(comparable(records.slice(1)));
    }
  });

  test("bytes that have rotted are refused, never sealed with a CRC that matches", () => {
    for (const [, codec] of CODECS) {
      const batch = engine.writeBatch(randomRecords(new Random(3), 30), options({ codec }));
      const random = new Random(4);
      for (let round = 0; round < 300; round++) {
        const rotten = batch.slice();
        const at = ATTRIBUTES_AT + random.below(rotten.length - ATTRIBUTES_AT);
        rotten[at] = (rotten[at] ?? 0) ^ (1 << random.below(8));
        try {
          engine.rewriteBatch(rotten, (index) => index % 2 === 0, PLAIN);
        } catch (error) {
          if (error instanceof KafkaError && error.code === ErrorCode.CORRUPT_MESSAGE) continue;
          throw error;
        }
        expect.fail(`byte ${at}`);
      }
    }
  });

  test("damage under a CRC that matches makes an error or a sound batch, and writes nowhere else", () => {
    const memory = new GuardedMemory(loadExports(kind), 1 << 20);
    const statuses = new Set<number>();
    for (let seed = 1; seed <= 6000; seed++) {
      const random = new Random(seed);
      const codec = random.oneIn(2) ? CODEC_NONE : CODEC_LZ4;
      const records = randomRecords(random, 1 + random.below(12), 60);
      const sealed = engine.writeBatch(records, options({ codec }));
      const batch = random.oneIn(4) ? sealed : resealed(damaged(sealed, random, RECORDS_COUNT_AT));
      if (batch.length < BATCH_HEADER_BYTES) continue;
      const keep = random.bytes(2 + random.below(3));
      const inputs = [batch, keep, random.below(6000), random.below(12_000)];
      const regions = memory.lay(...inputs);
      const [at, table, output, scratch] = regions.map((region) => region.at) as [
        number,
        number,
        number,
        number,
      ];
      const [, , outputMax, scratchMax] = regions.map(({ bytes }) => bytes) as [
        number,
        number,
        number,
        number,
      ];
      const horizon = random.oneIn(2) ? -1n : 17n;
      const status = memory.exports.rewriteBatch(
        at,
        batch.length,
        table,
        output,
        outputMax,
        scratch,
        scratchMax,
        horizon,
      );
      if (!memory.isUntouched(regions, inputs)) expect.fail(`seed ${seed}: written outside`);
      statuses.add(Math.min(status, 0));
      if (status < 0) continue;
      expect(status, `seed ${seed}`).toBeLessThanOrEqual(outputMax);
      const isVerbatim = Buffer.compare(memory.bytes.subarray(output, output + status), batch) === 0;
      const found = engine.checkBatch(memory.bytes.slice(output, output + status), !isVerbatim, MAX);
      expect(found, `seed ${seed}`).toBe(status);
    }
    expect(statuses).toContain(OUTPUT_FULL);
    expect(statuses).toContain(0);
  });

  test("regions that are not the host's, and sizes that are not the batch's, are refused", () => {
    const exports = loadExports(kind);
    const batch = engine.writeBatch(randomRecords(new Random(1), 3), options());
    const at = 2 << 20;
    new Uint8Array(exports.memory.buffer).set(batch, at);
    const size = batch.length;
    const far = exports.memory.buffer.byteLength - 8;
    const call = (...args: [number, number, number, number, number, number, number]): number =>
      exports.rewriteBatch(...args, -1n);
    expect(call(at, size, at + 8192, at + 16_384, 4096, at, 0)).toBe(BATCH_HEADER_BYTES);
    expect(call(at, size - 1, at + 8192, at + 16_384, 4096, at, 0)).toBe(BAD_ARGUMENT);
    expect(call(far, size, at, at, 4096, at, 0)).toBe(BAD_ARGUMENT);
    expect(call(at, size, far, at, 4096, at, 0)).toBe(BAD_ARGUMENT);
    expect(call(at, size, at, far, 4096, at, 0)).toBe(BAD_ARGUMENT);
    expect(call(at, size, at, at, 4096, 100, 4096)).toBe(BAD_ARGUMENT);
    expect(call(at, size, at + 8192, at + 16_384, BATCH_HEADER_BYTES - 1, at, 0)).toBe(OUTPUT_FULL);
    new Uint8Array(exports.memory.buffer)[at + size - 1] = 99;
    expect(call(at, size, at + 8192, at + 16_384, 4096, at, 0)).toBe(BAD_CRC);
  });

  test("a batch that says it has more records than its bytes can hold is refused before a table is made", () => {
    const batch = engine.writeBatch(randomRecords(new Random(1), 3), options());
    const view = new DataView(batch.buffer);
    view.setInt32(RECORDS_COUNT_AT, 2 ** 31 - 1);
    expect(() => engine.rewriteBatch(batch, () => true, PLAIN)).toThrow(KafkaError);
  });
});
