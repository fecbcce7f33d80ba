import { gunzipSync, gzipSync } from "node:zlib";
import { Zstd } from "@hpcc-js/wasm-zstd";
import lz4 from "lz4-napi";
import snappy from "snappy";
import { beforeAll, describe, expect, test } from "vitest";
import {
  CODEC_GZIP,
  CODEC_LZ4,
  CODEC_NONE,
  CODEC_SNAPPY,
  CODEC_ZSTD,
  LOG_APPEND_TIME_BIT,
} from "../../engine-as/format.ts";
import { UNSUPPORTED_CODEC } from "../../engine-as/status.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { RecordInput } from "../../log/record.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { BASE_TIMESTAMP, comparable, options, randomRecords, resealed, utf8 } from "./batches.ts";
import { decode, encode, long, useCodec, type ForeignRecord } from "./kafkajs.ts";
import { engineKinds, loadEngine } from "./load.ts";
import { Random } from "./random.ts";
import { blocksOf, MAGIC } from "./snappy-reference.ts";

const MAX = 1 << 24;
const CODECS = [
  ["none", CODEC_NONE],
  ["gzip", CODEC_GZIP],
  ["snappy", CODEC_SNAPPY],
  ["lz4", CODEC_LZ4],
  ["zstd", CODEC_ZSTD],
] as const;

beforeAll(async () => {
  const libzstd = await Zstd.load();
  useCodec(CODEC_GZIP, gzipSync, gunzipSync);
  // As kafkajs-snappy does: blocks are written bare, and read with snappy-java's frame or bare.
  const readBlock = (bytes: Uint8Array): Buffer => snappy.uncompressSync(Buffer.from(bytes)) as Buffer;
  useCodec(
    CODEC_SNAPPY,
    (bytes) => snappy.compressSync(bytes),
    (bytes) => (bytes[0] === MAGIC[0] ? Buffer.concat(blocksOf(bytes).map(readBlock)) : readBlock(bytes)),
  );
  useCodec(
    CODEC_LZ4,
    (bytes) => lz4.compressFrameSync(bytes),
    (bytes) => lz4.decompressFrameSync(bytes),
  );
  useCodec(
    CODEC_ZSTD,
    (bytes) => Buffer.from(libzstd.compress(bytes)),
    (bytes) => Buffer.from(libzstd.decompress(bytes)),
  );
});

function errorOf(run: () => unknown): KafkaError {
  try {
    run();
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe.each(engineKinds)("record batches, %s build", (kind) => {
  const engine = loadEngine(kind);

  test.each(CODECS)("%s: what is written is read back, record for record", (_, codec) => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      const records = randomRecords(random, 1 + random.below(seed % 20 === 0 ? 10_000 : 60));
      const batch = engine.writeBatch(records, options({ codec }));
      expect(engine.checkBatch(batch, true, MAX), `seed ${seed}`).toBe(batch.length);
      const table = engine.readBatch(batch, MAX);
      expect(table.count).toBe(records.length);
      expect(comparable(table), `seed ${seed}`).toEqual(comparable(records));
      expect([...table].map((record) => record.offset)).toEqual(
        records.map((_record, index) => BigInt(index)),
      );
    }
  });

  test.each(CODECS)("%s: kafkajs reads what the engine writes", async (_, codec) => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed);
      const records = randomRecords(random, 1 + random.below(80)).map((record) => ({
        ...record,
        headers: [],
      }));
      const producer = { producerId: 2n ** 40n + 5n, producerEpoch: 3, baseSequence: 2 ** 31 - 1 };
      const batch = engine.writeBatch(records, options({ codec, ...producer, transactional: true }));
      const foreign = await decode(batch);
      expect(foreign).toMatchObject({
        firstOffset: "0",
        lastOffsetDelta: records.length - 1,
        firstTimestamp: String(records[0]?.timestamp),
        maxTimestamp: String(Math.max(...records.map((record) => record.timestamp))),
        producerId: String(producer.producerId),
        producerEpoch: 3,
        firstSequence: 2 ** 31 - 1,
        inTransaction: true,
        isControlBatch: false,
      });
      const found = foreign.records.map((record) => ({
        ...record,
        timestamp: Number(record.timestamp),
        headers: [],
      }));
      expect(comparable(found), `seed ${seed}`).toEqual(comparable(records));
    }
  });

  test.each(CODECS)("%s: the engine reads what kafkajs writes", async (_, codec) => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed);
      const records = Array.from({ length: 1 + random.below(80) }, (_each, offsetDelta): ForeignRecord => ({
        offsetDelta,
        timestampDelta: random.below(2 ** 33) - 2 ** 32,
        key: random.oneIn(3) ? null : Buffer.from(random.bytes(random.below(40))),
        value: random.oneIn(5) ? null : Buffer.from(random.text(random.below(200))),
        headers: random.oneIn(3) ? { a: Buffer.from("1"), b: [Buffer.from("2"), Buffer.alloc(0)] } : {},
      }));
      const batch = await encode(
        {
          compression: codec,
          firstOffset: long("4294967296000"),
          firstTimestamp: BASE_TIMESTAMP,
          maxTimestamp: BASE_TIMESTAMP + 2 ** 33,
          lastOffsetDelta: records.length - 1,
          producerId: long("77"),
          producerEpoch: 1,
          firstSequence: 9,
        },
        records,
      );
      expect(engine.checkBatch(batch, true, MAX), `seed ${seed}`).toBe(batch.length);
      const table = engine.readBatch(batch, MAX);
      const expected = records.map((record): RecordInput => ({
        key: record.key,
        value: record.value,
        timestamp: BASE_TIMESTAMP + record.timestampDelta,
        headers: Object.entries(record.headers).flatMap(([key, values]) =>
          [values].flat().map((value) => ({ key, value })),
        ),
      }));
      expect(comparable(table), `seed ${seed}`).toEqual(comparable(expected));
      expect(table.offset(records.length - 1)).toBe(4294967296000n + BigInt(records.length - 1));
    }
  });

  test.each(CODECS)(
    "%s: nulls, empty bytes, extreme timestamps and repeated headers keep apart",
    (_, codec) => {
      const records: RecordInput[] = [
        { key: null, value: null, timestamp: BASE_TIMESTAMP },
        {
          key: new Uint8Array(0),
          value: new Uint8Array(0),
          timestamp: -1,
          headers: [{ key: "", value: null }],
        },
        { key: null, value: utf8("x"), timestamp: Number.MAX_SAFE_INTEGER - BASE_TIMESTAMP },
        { key: null, value: null, timestamp: BASE_TIMESTAMP - 2 ** 45, headers: [] },
        {
          key: utf8("k"),
          value: null,
          timestamp: BASE_TIMESTAMP + 1,
          headers: [
            { key: "same", value: utf8("1") },
            { key: "same", value: new Uint8Array(0) },
          ],
        },
      ];
      const batch = engine.writeBatch(records, options({ codec }));
      expect(comparable(engine.readBatch(batch, MAX))).toEqual(comparable(records));
      const header = new BatchHeader(batch);
      expect(header.maxTimestamp).toBe(BigInt(Number.MAX_SAFE_INTEGER - BASE_TIMESTAMP));
      expect(header.baseTimestamp).toBe(BigInt(BASE_TIMESTAMP));
      expect(header).toMatchObject({
        baseOffset: 0n,
        leaderEpoch: -1,
        recordsCount: 5,
        lastOffsetDelta: 4,
        codec,
      });
    },
  );

  test("every size of key and value around the steps of a copy arrives whole", () => {
    for (let size = 0; size < 300; size++) {
      const records = [1, 2, 3].map((byte) => ({
        key: new Uint8Array(size).fill(byte),
        value: new Uint8Array((size * 7) % 263).fill(byte + 3),
        timestamp: 0,
      }));
      const batch = engine.writeBatch(records, options());
      expect(engine.checkBatch(batch, true, 0)).toBe(batch.length);
      if (JSON.stringify(comparable(engine.readBatch(batch, 0))) !== JSON.stringify(comparable(records))) {
        expect.fail(`size ${size}`);
      }
    }
  });

  test("lengths and deltas of one, two and three bytes are told apart wherever they meet", () => {
    const lengths = [0, 1, 63, 64, 65, 8191, 8192, 8193];
    const deltas = [0, 63, 64, -64, -65, 8191, 8192, -8192, -8193, 2 ** 33];
    const records = lengths.flatMap((key) =>
      lengths.map((value, index) => ({
        key: new Uint8Array(key).fill(200),
        value: new Uint8Array(value).fill(255),
        timestamp: BASE_TIMESTAMP + (deltas[(index + key) % deltas.length] ?? 0),
      })),
    );
    const batch = engine.writeBatch(records, options());
    expect(engine.checkBatch(batch, true, 0)).toBe(batch.length);
    expect(comparable(engine.readBatch(batch, 0))).toEqual(comparable(records));
  });

  test("large batches make the memory grow, and small ones are read and written after it as before", () => {
    const own = loadEngine(kind);
    const before = own.writeBatch(randomRecords(new Random(1), 10), options());
    const large = [{ key: null, value: new Random(2).text(9_000_000), timestamp: 5 }];
    for (const codec of [CODEC_NONE, CODEC_LZ4]) {
      const batch = own.writeBatch(large, options({ codec }));
      expect(own.checkBatch(batch, true, MAX)).toBe(batch.length);
      expect(Buffer.compare(own.readBatch(batch, MAX).at(0).value ?? before, large[0]?.value ?? before)).toBe(
        0,
      );
    }
    expect(own.writeBatch(randomRecords(new Random(1), 10), options())).toEqual(before);
    // Far beyond what an engine takes: refused, not attempted.
    const vast = { length: 2 ** 28 } as Uint8Array;
    const error = errorOf(() => own.writeBatch([{ key: vast, value: null, timestamp: 0 }], options()));
    expect(error.code).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });

  test("in log-append time every record has the batch's greatest timestamp", () => {
    const batch = engine.writeBatch(
      [10, 30, 20].map((timestamp) => ({ key: null, value: null, timestamp })),
      options(),
    );
    const view = new DataView(batch.buffer);
    view.setInt16(21, LOG_APPEND_TIME_BIT);
    const table = engine.readBatch(resealed(batch), MAX);
    expect([...table].map((record) => record.timestamp)).toEqual([30, 30, 30]);
  });

  test("what is stamped by the leader moves the offsets and leaves the CRC", () => {
    const batch = engine.writeBatch(randomRecords(new Random(6), 3), options());
    new BatchHeader(batch).stamp(2n ** 53n + 1n, 12);
    expect(engine.checkBatch(batch, true, MAX)).toBe(batch.length);
    expect([...engine.readBatch(batch, MAX)].map((record) => record.offset)).toEqual(
      [1n, 2n, 3n].map((delta) => 2n ** 53n + delta),
    );
  });

  test("a table outlives later calls, and its keys and values are views on its own bytes", () => {
    const records = randomRecords(new Random(9), 20);
    const batch = engine.writeBatch(records, options({ codec: CODEC_LZ4 }));
    const table = engine.readBatch(batch, MAX);
    batch.fill(0);
    engine.readBatch(engine.writeBatch(randomRecords(new Random(10), 200), options()), MAX);
    expect(comparable(table)).toEqual(comparable(records));
    const buffers = new Set([...table].flatMap(({ key, value }) => [key?.buffer, value?.buffer]));
    buffers.delete(undefined);
    expect(buffers.size).toBe(1);
    expect(() => table.at(20)).toThrow(RangeError);
    expect(() => table.offset(-1)).toThrow(RangeError);
  });

  test("larger than its limit, empty, in another codec or at no time: a clear error", () => {
    const [one] = randomRecords(new Random(1), 1);
    if (one === undefined) throw new Error("no record");
    const code = (run: () => unknown): number => errorOf(run).code;
    const size = engine.writeBatch([one], options()).length;
    expect(engine.writeBatch([one], options({ bytesMax: size })).length).toBe(size);
    expect(code(() => engine.writeBatch([one], options({ bytesMax: size - 1 })))).toBe(
      ErrorCode.MESSAGE_TOO_LARGE,
    );
    expect(code(() => engine.writeBatch([], options()))).toBe(ErrorCode.INVALID_RECORD);
    expect(code(() => engine.writeBatch([{ ...one, timestamp: 0.5 }], options()))).toBe(
      ErrorCode.INVALID_TIMESTAMP,
    );
    expect(code(() => engine.writeBatch([{ ...one, timestamp: Number.NaN }], options()))).toBe(
      ErrorCode.INVALID_TIMESTAMP,
    );
    const other = errorOf(() => engine.writeBatch([one], options({ codec: 5 })));
    expect(other.code).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    expect(other.message).toMatch(/none of Kafka's/);
  });

  test("in a codec that is none of Kafka's are refused, and told which there are", () => {
    const batch = engine.writeBatch(randomRecords(new Random(3), 5), options());
    new DataView(batch.buffer).setInt16(21, 5);
    resealed(batch);
    expect(engine.checkBatch(batch, true, MAX)).toBe(UNSUPPORTED_CODEC);
    const error = errorOf(() => engine.readBatch(batch, MAX));
    expect(error.code).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    expect(error.message).toMatch(/none of Kafka's/);
  });
});
