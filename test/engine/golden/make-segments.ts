/** Golden vectors of segments: scanning them, which builds their indexes, and look-ups in these. */
import {
  BASE_OFFSET_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  OFFSET_INDEX_ENTRY_BYTES,
  SCANNED_BYTES,
  SCAN_BASE_OFFSET_AT,
  SCAN_BATCH_BYTES_MAX_AT,
  SCAN_INTERVAL_AT,
  SCAN_MAX_TIMESTAMP_AT,
  SCAN_NEXT_OFFSET_AT,
  SCAN_STATE_BYTES,
  SCAN_TIME_ENTRY_AT,
  TIME_INDEX_ENTRY_BYTES,
} from "../../../engine-as/format.ts";
import {
  BAD_ARGUMENT,
  BAD_CRC,
  BAD_LENGTH,
  BAD_MAGIC,
  BAD_OFFSET,
  OK,
  TORN,
} from "../../../engine-as/status.ts";
import type { Engine } from "../../../log/engine.ts";
import { BASE_TIMESTAMP, options } from "../batches.ts";
import { changed, hex } from "./records.ts";
import { ask, makeVector, written } from "./vector-maker.ts";
import type { Bytes, NamedBytes, Vector } from "./vectors.ts";

/** As they lie in WASM memory. */
const int32s = (values: readonly number[]): string => hex(new Uint8Array(Int32Array.from(values).buffer));
const int64s = (values: readonly number[]): string =>
  hex(new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer));

const BASE = 1000n;
const BEGIN = "a scan that begins";

function beginning(): Uint8Array {
  const state = new DataView(new ArrayBuffer(SCAN_STATE_BYTES));
  state.setBigInt64(SCAN_BASE_OFFSET_AT, BASE, true);
  state.setBigInt64(SCAN_NEXT_OFFSET_AT, BASE, true);
  state.setBigInt64(SCAN_MAX_TIMESTAMP_AT, -1n, true);
  state.setBigInt64(SCAN_TIME_ENTRY_AT, -1n, true);
  state.setInt32(SCAN_INTERVAL_AT, 150, true);
  state.setInt32(SCAN_BATCH_BYTES_MAX_AT, 200, true);
  return new Uint8Array(state.buffer);
}

/** By name: what the vectors share. */
export const scanStates: NamedBytes = { [BEGIN]: hex(beginning()) };

export function segmentVectors(instance: WebAssembly.Instance, engine: Engine): Vector[] {
  const make = makeVector.bind(undefined, instance, scanStates);
  return [...scans(), ...lookups()];

  /** A batch of one record of so many bytes, at this offset and time. */
  function stampedBatch(offset: bigint, timestamp: number, bytes: number): Uint8Array {
    const batch = engine.writeBatch(
      [{ key: null, value: new Uint8Array(bytes).fill(46), timestamp }],
      options(),
    );
    new DataView(batch.buffer).setBigInt64(BASE_OFFSET_AT, offset);
    new DataView(batch.buffer).setInt32(LEADER_EPOCH_AT, 3);
    return batch;
  }

  function scans(): Vector[] {
    const batches = [
      stampedBatch(1000n, BASE_TIMESTAMP, 30),
      stampedBatch(1001n, BASE_TIMESTAMP + 5, 40),
      stampedBatch(1002n, BASE_TIMESTAMP + 2, 50),
      stampedBatch(1010n, BASE_TIMESTAMP + 9, 60),
      stampedBatch(1011n, BASE_TIMESTAMP + 9, 10),
    ];
    const segment = Uint8Array.from(Buffer.concat(batches));
    const ends = batches.map((_, at) => Buffer.concat(batches.slice(0, at + 1)).length);
    const begin: Bytes = { name: BEGIN };
    const room = {
      batches: 5 * SCANNED_BYTES,
      offsets: 5 * OFFSET_INDEX_ENTRY_BYTES,
      times: 5 * TIME_INDEX_ENTRY_BYTES,
    };
    const scan = (from: number, length: number, batchesMax: number): (string | number)[] => [
      "@state",
      `@segment+${from}`,
      length,
      "@batches",
      batchesMax,
      "@offsets",
      "@times",
    ];
    const kept = (count: number, offsets: number, times: number): Record<string, number> => ({
      state: SCAN_STATE_BYTES,
      ...(count > 0 ? { batches: count * SCANNED_BYTES } : {}),
      ...(offsets > 0 ? { offsets: offsets * OFFSET_INDEX_ENTRY_BYTES } : {}),
      ...(times > 0 ? { times: times * TIME_INDEX_ENTRY_BYTES } : {}),
    });
    const [end1 = 0, end2 = 0, end3 = 0] = ends;
    const stopped = (name: string, bytes: Uint8Array, expect: number): Vector =>
      make(`scanSegment: stopped by ${name}`, { state: begin, segment: written(bytes), ...room }, [
        ask("scanSegment", scan(0, bytes.length, 5), { expect, keep: kept(1, 0, 0) }),
      ]);
    const after = (second: Uint8Array): Uint8Array =>
      Uint8Array.from(Buffer.concat([batches[0] ?? segment, second]));
    const second = batches[1] ?? segment;
    const withoutRecords = (batch: Uint8Array): Uint8Array =>
      engine.rewriteBatch(batch, () => false, { deleteHorizonMs: -1n, uncompressedBytesMax: 1000 });
    // The first of two that are the newest.
    const emptied = Uint8Array.from(
      Buffer.concat(batches.map((batch, at) => (at === 3 ? withoutRecords(batch) : batch))),
    );
    return [
      make("scanSegment: at once", { state: begin, segment: written(segment), ...room }, [
        ask("scanSegment", scan(0, segment.length, 5), { expect: OK, keep: kept(5, 1, 1) }),
        ask("scanSegment", scan(segment.length, 0, 5), { expect: OK, keep: kept(0, 0, 0) }),
      ]),
      make(
        "scanSegment: in pieces, and with a table of two",
        { state: begin, segment: written(segment), ...room },
        [
          ask("scanSegment", scan(0, 10, 5), { expect: TORN, keep: kept(0, 0, 0) }),
          ask("scanSegment", scan(0, 17, 5), { expect: TORN, keep: kept(0, 0, 0) }),
          ask("scanSegment", scan(0, end1 + 20, 5), { expect: TORN, keep: kept(1, 0, 0) }),
          ask("scanSegment", scan(end1, segment.length - end1, 2), { expect: OK, keep: kept(2, 0, 0) }),
          ask("scanSegment", scan(end3, segment.length - end3, 2), { expect: OK, keep: kept(2, 1, 1) }),
        ],
      ),
      stopped("a bit that flipped", after(changed(second, (view) => view.setInt8(70, 1), false)), BAD_CRC),
      stopped("another magic", after(changed(second, (view) => view.setInt8(MAGIC_AT, 1), false)), BAD_MAGIC),
      stopped(
        "a length that cannot be",
        after(changed(second, (view) => view.setInt32(8, 5), false)),
        BAD_LENGTH,
      ),
      stopped("a batch beyond the limit", after(stampedBatch(1001n, BASE_TIMESTAMP, 200)), BAD_LENGTH),
      stopped("an offset that was there before", after(stampedBatch(1000n, BASE_TIMESTAMP, 9)), BAD_OFFSET),
      stopped(
        "an offset too far from the first",
        after(stampedBatch(BASE + 2n ** 31n, BASE_TIMESTAMP, 9)),
        BAD_OFFSET,
      ),
      stopped("its own end", segment.slice(0, end2 - 1), TORN),
      make(
        "scanSegment: what compaction has left empty has no time",
        { state: begin, segment: written(emptied), ...room },
        [ask("scanSegment", scan(0, emptied.length, 5), { expect: OK, keep: kept(5, 2, 2) })],
      ),
      make("scanSegment: arguments outside", { state: begin, segment: written(segment), ...room }, [
        ask("scanSegment", scan(0, segment.length, 0), { expect: BAD_ARGUMENT }),
        ask("scanSegment", [80, "@segment", "#segment", "@batches", 5, "@offsets", "@times"], {
          expect: BAD_ARGUMENT,
        }),
        ask("scanSegment", ["@state", "@segment", "#segment", "@end", 5, "@offsets", "@times"], {
          expect: BAD_ARGUMENT,
        }),
      ]),
    ];
  }

  function lookups(): Vector[] {
    const offsets = new DataView(new ArrayBuffer(4 * OFFSET_INDEX_ENTRY_BYTES));
    const times = new DataView(new ArrayBuffer(4 * TIME_INDEX_ENTRY_BYTES));
    for (let at = 0; at < 4; at++) {
      offsets.setInt32(at * OFFSET_INDEX_ENTRY_BYTES, 10 * (at + 1));
      offsets.setInt32(at * OFFSET_INDEX_ENTRY_BYTES + 4, 5000 * (at + 1));
      times.setBigInt64(at * TIME_INDEX_ENTRY_BYTES, BigInt(BASE_TIMESTAMP + 100 * at));
      times.setInt32(at * TIME_INDEX_ENTRY_BYTES + 8, 7 * (at + 1));
    }
    const index = hex(new Uint8Array(offsets.buffer));
    const timeIndex = hex(new Uint8Array(times.buffer));
    const time = (ms: number, entries = 4): (string | number)[] => [
      "@index",
      entries,
      `${BASE_TIMESTAMP + ms}n`,
    ];
    return [
      make("lookupOffset: before, at, between and behind the entries", { index }, [
        ...[
          [-1, 0],
          [9, 0],
          [10, 5000],
          [19, 5000],
          [20, 10_000],
          [39, 15_000],
          [40, 20_000],
          [2 ** 31 - 1, 20_000],
        ].map(([offset = 0, expect = 0]) => ask("lookupOffset", ["@index", 4, offset], { expect })),
        ask("lookupOffset", ["@index", 0, 100], { expect: 0 }),
        ask("lookupOffset", ["@index", -1, 100], { expect: BAD_ARGUMENT }),
        ask("lookupOffset", [0, 4, 100], { expect: BAD_ARGUMENT }),
      ]),
      make("lookupTime: before, at, between and behind the entries", { index: timeIndex }, [
        ...[
          [-1, 0],
          [0, 0],
          [1, 7],
          [100, 7],
          [101, 14],
          [300, 21],
          [301, 28],
          [9999, 28],
        ].map(([ms = 0, expect = 0]) => ask("lookupTime", time(ms), { expect })),
        ask("lookupTime", time(1, 0), { expect: 0 }),
        ask("lookupTime", time(1, -1), { expect: BAD_ARGUMENT }),
        ask("lookupTime", ["@end", 1, "0n"], { expect: BAD_ARGUMENT }),
      ]),
      make(
        "lookupOffsets: together, and more than go in one group",
        { index, targets: { repeat: int32s([-1, 9, 10, 19, 20, 39, 40]), times: 10 }, results: 280 },
        [
          ask("lookupOffsets", ["@index", 4, "@targets", 70, "@results"], {
            expect: OK,
            after: { results: { repeat: int32s([0, 0, 5000, 5000, 10_000, 15_000, 20_000]), times: 10 } },
          }),
          ask("lookupOffsets", ["@index", 0, "@targets", 2, "@results"], {
            expect: OK,
            after: { results: int32s([0, 0, 5000]) },
          }),
          ask("lookupOffsets", ["@index", 4, "@targets", -1, "@results"], { expect: BAD_ARGUMENT }),
          ask("lookupOffsets", ["@index", 4, "@targets", 70, "@end"], { expect: BAD_ARGUMENT }),
        ],
      ),
      make(
        "lookupTimes: together, and more than go in one group",
        {
          index: timeIndex,
          targets: { repeat: int64s([-1, 0, 1, 101, 300, 301].map((ms) => BASE_TIMESTAMP + ms)), times: 12 },
          results: 288,
        },
        [
          ask("lookupTimes", ["@index", 4, "@targets", 72, "@results"], {
            expect: OK,
            after: { results: { repeat: int32s([0, 0, 7, 14, 21, 28]), times: 12 } },
          }),
          ask("lookupTimes", ["@index", -1, "@targets", 72, "@results"], { expect: BAD_ARGUMENT }),
          ask("lookupTimes", ["@index", 4, "@end", 72, "@results"], { expect: BAD_ARGUMENT }),
        ],
      ),
    ];
  }
}
