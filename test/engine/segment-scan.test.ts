import { describe, expect, test } from "vitest";
import {
  BATCH_HEADER_BYTES,
  CODEC_LZ4,
  CODEC_NONE,
  OFFSET_INDEX_ENTRY_BYTES,
  SCANNED_BYTES,
  SCAN_BATCHES_AT,
  SCAN_BATCH_BYTES_MAX_AT,
  SCAN_INTERVAL_AT,
  SCAN_STATE_BYTES,
  TIME_INDEX_ENTRY_BYTES,
} from "../../engine-as/format.ts";
import { BAD_CRC, BAD_LENGTH, BAD_MAGIC, BAD_OFFSET, OK, TORN } from "../../engine-as/status.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { ScannedBatch, ScanOptions, SegmentScanner } from "../../log/engine.ts";
import { options, randomRecords, resealed } from "./batches.ts";
import { damaged } from "./damage.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadEngine, loadExports } from "./load.ts";
import { Random } from "./random.ts";

const INTERVAL = 700;
const BASE = 1_000n;

function scanOptions(changes: Partial<ScanOptions> = {}): ScanOptions {
  return {
    baseOffset: BASE,
    nextOffset: BASE,
    position: 0,
    indexIntervalBytes: INTERVAL,
    batchBytesMax: 1 << 20,
    ...changes,
  };
}

interface Outcome {
  status: number;
  batches: ScannedBatch[];
  validBytes: number;
  nextOffset: bigint;
  maxTimestamp: bigint;
  maxTimestampOffset: bigint;
  offsetIndex: string;
  timeIndex: string;
}

/** Feeds `segment` in pieces and gathers all that the scanner answers. */
function scan(scanner: SegmentScanner, segment: Uint8Array, pieceBytes: () => number): Outcome {
  const batches: ScannedBatch[] = [];
  let status: number = OK;
  for (let at = 0; at < segment.length && (status === OK || status === TORN);) {
    const piece = segment.subarray(at, at + pieceBytes());
    at += piece.length;
    status = scanner.feed(piece);
    batches.push(...scanner.batches);
  }
  return {
    status,
    batches,
    validBytes: scanner.validBytes,
    nextOffset: scanner.nextOffset,
    maxTimestamp: scanner.maxTimestamp,
    maxTimestampOffset: scanner.maxTimestampOffset,
    offsetIndex: Buffer.from(scanner.offsetIndex()).toString("hex"),
    timeIndex: Buffer.from(scanner.timeIndex()).toString("hex"),
  };
}

/** Both indexes of these batches by Kafka's rule, LogSegment.append, said once more; but for the times of emptied batches. */
function indexesOf(batches: readonly ScannedBatch[]): { offsetIndex: string; timeIndex: string } {
  const offsets: Buffer[] = [];
  const times: Buffer[] = [];
  const timeEntry = (): void => {
    if (largest.timestamp <= lastTime) return;
    const entry = Buffer.alloc(12);
    entry.writeBigInt64BE(largest.timestamp);
    entry.writeInt32BE(Number(largest.offset - BASE), 8);
    times.push(entry);
    lastTime = largest.timestamp;
  };
  let largest = { timestamp: -1n, offset: BASE };
  let lastTime = -1n;
  let since = 0;
  for (const batch of batches) {
    if (batch.recordsCount > 0 && batch.maxTimestamp > largest.timestamp) {
      largest = { timestamp: batch.maxTimestamp, offset: batch.lastOffset };
    }
    if (since > INTERVAL) {
      const entry = Buffer.alloc(8);
      entry.writeInt32BE(Number(batch.lastOffset - BASE));
      entry.writeInt32BE(batch.position, 4);
      offsets.push(entry);
      timeEntry();
      since = 0;
    }
    since += batch.bytes;
  }
  timeEntry();
  return {
    offsetIndex: Buffer.concat(offsets).toString("hex"),
    timeIndex: Buffer.concat(times).toString("hex"),
  };
}

describe.each(engineKinds)("segment scan, %s build", (kind) => {
  const engine = loadEngine(kind);

  /** A segment of sealed and stamped batches, with holes between offsets when asked for. */
  function segmentOf(random: Random, count: number, holes = false): { bytes: Uint8Array; ends: number[] } {
    const pieces: Uint8Array[] = [];
    const ends = [0];
    let offset = BASE;
    for (let index = 0; index < count; index++) {
      const codec = random.oneIn(2) ? CODEC_LZ4 : CODEC_NONE;
      const producer = {
        producerId: BigInt(random.below(9)),
        producerEpoch: random.below(99),
        baseSequence: index,
      };
      const batch = engine.writeBatch(
        randomRecords(random, 1 + random.below(6), 80),
        options({ codec, ...producer }),
      );
      const header = new BatchHeader(batch);
      if (holes && random.oneIn(3)) offset += BigInt(random.below(50));
      header.stamp(offset, index >>> 2);
      offset = header.lastOffset + 1n;
      pieces.push(batch);
      ends.push((ends.at(-1) ?? 0) + batch.length);
    }
    return { bytes: new Uint8Array(Buffer.concat(pieces)), ends };
  }

  test("tells of each batch what its header says, and builds both indexes by Kafka's rule", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { bytes, ends } = segmentOf(new Random(seed), 60, seed % 2 === 0);
      const found = scan(engine.scanner(scanOptions()), bytes, () => bytes.length);
      expect(found.status).toBe(OK);
      expect(found.validBytes).toBe(bytes.length);
      expect(found.batches.map((batch) => batch.position)).toEqual(ends.slice(0, -1));
      for (const batch of found.batches) {
        const header = new BatchHeader(bytes, batch.position);
        for (const field of [
          "bytes",
          "baseOffset",
          "lastOffset",
          "leaderEpoch",
          "maxTimestamp",
          "producerId",
          "producerEpoch",
          "baseSequence",
          "attributes",
          "recordsCount",
        ] as const) {
          expect(batch[field], field).toBe(header[field]);
        }
      }
      const last = found.batches.at(-1);
      expect(found.nextOffset).toBe((last?.lastOffset ?? 0n) + 1n);
      expect(found).toMatchObject(indexesOf(found.batches));
      expect(found.offsetIndex.length).toBeGreaterThan(16 * 4);
    }
  });

  test("fed one byte at a time, or in pieces of any size, answers the same", () => {
    const random = new Random(77);
    const { bytes } = segmentOf(random, 40);
    const whole = scan(engine.scanner(scanOptions()), bytes, () => bytes.length);
    expect(scan(engine.scanner(scanOptions()), bytes, () => 1)).toEqual(whole);
    for (let round = 0; round < 30; round++) {
      const limit = 1 + random.below(900);
      expect(scan(engine.scanner(scanOptions()), bytes, () => 1 + random.below(limit))).toEqual(whole);
    }
  });

  test("cut at every length recovers to a batch boundary", () => {
    const { bytes, ends } = segmentOf(new Random(78), 12);
    for (let length = 0; length <= bytes.length; length++) {
      const found = scan(engine.scanner(scanOptions()), bytes.subarray(0, length), () => 333);
      const end = ends.findLast((each) => each <= length) ?? -1;
      if (found.validBytes !== end || found.status !== (end === length ? OK : TORN)) {
        expect.fail(`cut to ${length}: ${found.validBytes} valid bytes, status ${found.status}`);
      }
    }
  });

  test("scanners keep apart when their pieces come mixed, and other calls come between", () => {
    const segments = [1, 2, 3].map((seed) => segmentOf(new Random(seed), 30).bytes);
    const alone = segments.map((bytes) => scan(engine.scanner(scanOptions()), bytes, () => bytes.length));
    const scanners = segments.map(() => engine.scanner(scanOptions()));
    for (let at = 0; at < Math.max(...segments.map((bytes) => bytes.length)); at += 100) {
      for (const [index, bytes] of segments.entries()) scanners[index]?.feed(bytes.subarray(at, at + 100));
      engine.crc32c(new Uint8Array(5000).fill(at));
    }
    for (const [index, scanner] of scanners.entries()) {
      expect(scanner.validBytes).toBe(segments[index]?.length);
      expect(Buffer.from(scanner.timeIndex()).toString("hex")).toBe(alone[index]?.timeIndex);
      expect(Buffer.from(scanner.offsetIndex()).toString("hex")).toBe(alone[index]?.offsetIndex);
    }
  });

  test("a batch larger than what is handed over at once, and more batches than a table holds", () => {
    const large = engine.writeBatch(
      [{ key: null, value: new Random(1).bytes(900_000), timestamp: 4 }],
      options(),
    );
    const small = engine.writeBatch([{ key: null, value: null, timestamp: 3 }], options());
    const pieces = [large];
    new BatchHeader(large).stamp(BASE, 1);
    for (let index = 1n; index <= 6000n; index++) {
      const batch = small.slice();
      new BatchHeader(batch).stamp(BASE + index, 1);
      pieces.push(batch);
    }
    const bytes = new Uint8Array(Buffer.concat(pieces));
    for (const step of [bytes.length, 100_000, 4097]) {
      const found = scan(engine.scanner(scanOptions()), bytes, () => step);
      expect(found).toMatchObject({ status: OK, validBytes: bytes.length, ...indexesOf(found.batches) });
      expect(found.batches.length).toBe(6001);
    }
  });

  test("why it ends is named, in the middle as at the end, whatever the pieces; then nothing more is taken", () => {
    const { bytes, ends } = segmentOf(new Random(79), 9);
    const [fifth = 0, end = 0] = [ends[5], ends[6]];
    const cases: [string, number, (segment: Uint8Array, view: DataView) => void][] = [
      ["a flipped bit", BAD_CRC, (segment) => (segment[end - 1] = (segment[end - 1] ?? 0) ^ 1)],
      ["magic 1", BAD_MAGIC, (segment) => (segment[fifth + 16] = 1)],
      ["zeros", BAD_MAGIC, (segment) => segment.fill(0, fifth)],
      ["a length beyond the largest batch", BAD_LENGTH, (_, view) => view.setInt32(fifth + 8, 1 << 20)],
      ["a negative length", BAD_LENGTH, (_, view) => view.setInt32(fifth + 8, -5)],
      ["an offset seen before", BAD_OFFSET, (_, view) => view.setBigInt64(fifth, BASE)],
      ["a negative offset", BAD_OFFSET, (_, view) => view.setBigInt64(fifth, -1n)],
      ["an offset too far for an index", BAD_OFFSET, (_, view) => view.setBigInt64(fifth, BASE + 2n ** 31n)],
      ["the greatest offset", BAD_OFFSET, (_, view) => view.setBigInt64(fifth, 2n ** 63n - 1n)],
      ["a length that reaches past the end", TORN, (_, view) => view.setInt32(fifth + 8, 900_000)],
    ];
    for (const [damage, expected, apply] of cases) {
      const segment = bytes.slice();
      apply(segment, new DataView(segment.buffer));
      for (const step of [segment.length, 1, 97]) {
        const scanner = engine.scanner(scanOptions());
        const found = scan(scanner, segment, () => step);
        expect(found, `${damage}, in steps of ${step}`).toMatchObject({
          status: expected,
          validBytes: fifth,
        });
        expect(found.batches.length).toBe(5);
        if (expected === TORN) continue;
        expect(scanner.feed(segment)).toBe(expected);
        expect(scanner.batches).toEqual([]);
        expect(scanner.validBytes).toBe(fifth);
      }
    }
  });

  test("goes on from a position and an offset in the middle of a segment", () => {
    const { bytes, ends } = segmentOf(new Random(80), 20);
    const whole = scan(engine.scanner(scanOptions()), bytes, () => bytes.length);
    const [position = 0, tenth] = [ends[10], whole.batches[10]];
    const resumed = { position, nextOffset: tenth?.baseOffset ?? 0n };
    const rest = scan(engine.scanner(scanOptions(resumed)), bytes.subarray(position), () => 501);
    expect(rest.batches).toEqual(whole.batches.slice(10));
    expect(rest).toMatchObject({ validBytes: bytes.length, nextOffset: whole.nextOffset });
    const tooFar = engine.scanner(scanOptions({ ...resumed, nextOffset: resumed.nextOffset + 1n }));
    expect(tooFar.feed(bytes.subarray(position))).toBe(BAD_OFFSET);
  });

  test("positions end where Kafka's do, at 2^31 - 1", () => {
    const batch = engine.writeBatch([{ key: null, value: null, timestamp: 0 }], options());
    new BatchHeader(batch).stamp(BASE, 0);
    const last = engine.scanner(scanOptions({ position: 2 ** 31 - 1 - batch.length }));
    expect(last.feed(batch)).toBe(OK);
    expect(last.validBytes).toBe(2 ** 31 - 1);
    const beyond = engine.scanner(scanOptions({ position: 2 ** 31 - batch.length }));
    expect(beyond.feed(batch)).toBe(BAD_LENGTH);
  });

  test("without timestamps the time index is empty; without an interval both are", () => {
    const records = [{ key: null, value: new Uint8Array(400), timestamp: -1 }];
    const batches = Array.from({ length: 9 }, (_, index) => {
      const batch = engine.writeBatch(records, options());
      new BatchHeader(batch).stamp(BASE + BigInt(index), 0);
      return batch;
    });
    const bytes = new Uint8Array(Buffer.concat(batches));
    const found = scan(engine.scanner(scanOptions()), bytes, () => bytes.length);
    expect(found).toMatchObject({ maxTimestamp: -1n, maxTimestampOffset: BASE, timeIndex: "" });
    // Two batches of 475 bytes are more than 700: every other one has an entry.
    expect(found.offsetIndex.length / 16).toBe(4);
    const none = scan(engine.scanner(scanOptions({ indexIntervalBytes: 0 })), bytes, () => bytes.length);
    expect(none.offsetIndex).toBe("");
  });

  test("compacted batches without records are passed, their offsets counted", () => {
    const empty = new Uint8Array(BATCH_HEADER_BYTES);
    empty[16] = 2;
    new DataView(empty.buffer).setInt32(23, 41);
    resealed(empty);
    new BatchHeader(empty).stamp(BASE + 5n, 3);
    const scanner = engine.scanner(scanOptions());
    expect(scanner.feed(empty)).toBe(OK);
    expect(scanner.batches[0]).toMatchObject({ lastOffset: BASE + 46n, recordsCount: 0 });
    expect(scanner.nextOffset).toBe(BASE + 47n);
  });

  test("a batch that compaction has left empty gives the time index no time, which no record there has", () => {
    const emptied = (batch: Uint8Array): Uint8Array =>
      engine.rewriteBatch(batch, () => false, { deleteHorizonMs: -1n, uncompressedBytesMax: 1 << 20 });
    const pieces = Array.from({ length: 60 }, (_, at) => {
      const isEmptied = at % 3 === 2;
      // Each that is emptied is the newest of all so far.
      const timestamp = isEmptied ? 1_000_000 + at : at;
      const batch = engine.writeBatch([{ key: null, value: new Uint8Array(300), timestamp }], options());
      new BatchHeader(batch).stamp(BASE + BigInt(at), 0);
      return isEmptied ? emptied(batch) : batch;
    });
    const bytes = new Uint8Array(Buffer.concat(pieces));
    const found = scan(engine.scanner(scanOptions()), bytes, () => 1000);
    expect(found).toMatchObject({ status: OK, maxTimestamp: 58n, maxTimestampOffset: BASE + 58n });
    expect(found).toMatchObject(indexesOf(found.batches));
    // What it was is told all the same: its producer is remembered by it.
    expect(found.batches[59]).toMatchObject({ recordsCount: 0, maxTimestamp: 1_000_059n });
    const times = Buffer.from(found.timeIndex, "hex");
    expect(times.length).toBeGreaterThan(12 * 5);
    for (let at = 0; at < times.length; at += 12)
      expect(times.readBigInt64BE(at)).toBe(BigInt(times.readInt32BE(at + 8)));
  });

  test("thousands of damaged segments and states neither trap nor write outside the tables", () => {
    const random = new Random(0x5ca4);
    const memory = new GuardedMemory(loadExports(kind), 1 << 20);
    const { bytes } = segmentOf(random, 30);
    const passed = new Set<number>();
    for (let round = 0; round < 5000; round++) {
      const segment = damaged(bytes, random, random.oneIn(2) ? 0 : bytes.length >>> 1);
      const state = random.oneIn(3) ? random.bytes(SCAN_STATE_BYTES) : new Uint8Array(SCAN_STATE_BYTES);
      new DataView(state.buffer).setInt32(
        SCAN_BATCH_BYTES_MAX_AT,
        random.oneIn(5) ? random.word() : 1 << 20,
        true,
      );
      new DataView(state.buffer).setInt32(SCAN_INTERVAL_AT, random.oneIn(5) ? random.word() : 1, true);
      const batchesMax = 1 + random.below(40);
      const laid = [
        SCAN_STATE_BYTES,
        segment,
        batchesMax * SCANNED_BYTES,
        batchesMax * OFFSET_INDEX_ENTRY_BYTES,
        batchesMax * TIME_INDEX_ENTRY_BYTES,
      ];
      const regions = memory.lay(...laid);
      const [stateAt, segmentAt, batches, offsets, times] = regions.map((region) => region.at);
      memory.bytes.set(state, stateAt);
      const status = memory.exports.scanSegment(
        stateAt ?? 0,
        segmentAt ?? 0,
        segment.length,
        batches ?? 0,
        batchesMax,
        offsets ?? 0,
        times ?? 0,
      );
      if (status > 0) expect.fail(`round ${round} of seed ${random.seed}: status ${status}`);
      if (!memory.isUntouched(regions, laid))
        expect.fail(`round ${round} of seed ${random.seed}: wrote outside`);
      passed.add(memory.bytes[(stateAt ?? 0) + SCAN_BATCHES_AT] ?? 0);
    }
    expect(passed.size).toBeGreaterThan(20);
  });
});
