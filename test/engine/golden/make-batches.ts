/** Golden vectors of CRC, and of single batches: their size, checks, reading and writing. */
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BATCH_HEADER_BYTES,
  CODEC_LZ4,
  CODEC_NONE,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_HEADERS_AT,
  DESCRIPTOR_HEADERS_COUNT_AT,
  DESCRIPTOR_KEY_AT,
  DESCRIPTOR_KEY_LENGTH_AT,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  DESCRIPTOR_VALUE_AT,
  DESCRIPTOR_VALUE_LENGTH_AT,
  HEADER_ENTRY_BYTES,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  RECORDS_AT,
  RECORDS_COUNT_AT,
  RECORD_TIMES_BYTES,
} from "../../../engine-as/format.ts";
import {
  BAD_ARGUMENT,
  BAD_CRC,
  BAD_FRAME,
  BAD_LENGTH,
  BAD_MAGIC,
  BAD_OFFSET,
  BAD_RECORDS,
  OUTPUT_FULL,
  TORN,
  UNSUPPORTED_CODEC,
} from "../../../engine-as/status.ts";
import type { Engine } from "../../../log/engine.ts";
import type { RecordInput } from "../../../log/record.ts";
import { BASE_TIMESTAMP, options, resealed, utf8 } from "../batches.ts";
import { contents } from "./contents.ts";
import { changed, hex, RECORDS } from "./records.ts";
import { ask, makeVector, written } from "./vector-maker.ts";
import type { Vector } from "./vectors.ts";

/** What writeBatch takes: a descriptor for each record, and the header entries and bytes that they point to. */
function packed(records: readonly RecordInput[]): { table: Uint8Array; data: Uint8Array } {
  const table = new DataView(new ArrayBuffer(records.length * DESCRIPTOR_BYTES));
  const headers = records.flatMap((record) => record.headers ?? []);
  const entries = new DataView(new ArrayBuffer(headers.length * HEADER_ENTRY_BYTES));
  const pieces: Uint8Array[] = [];
  let end = entries.byteLength;
  const place = (view: DataView, at: number, bytes: Uint8Array | null): void => {
    view.setUint32(at, end, true);
    view.setInt32(at + 4, bytes?.length ?? -1, true);
    pieces.push(bytes ?? new Uint8Array(0));
    end += bytes?.length ?? 0;
  };
  let entry = 0;
  for (const [index, record] of records.entries()) {
    const at = index * DESCRIPTOR_BYTES;
    table.setBigInt64(at + DESCRIPTOR_TIMESTAMP_DELTA_AT, BigInt(record.timestamp - BASE_TIMESTAMP), true);
    place(table, at + DESCRIPTOR_KEY_AT, record.key);
    place(table, at + DESCRIPTOR_VALUE_AT, record.value);
    table.setUint32(at + DESCRIPTOR_HEADERS_AT, entry, true);
    table.setInt32(at + DESCRIPTOR_HEADERS_COUNT_AT, record.headers?.length ?? 0, true);
    for (const header of record.headers ?? []) {
      place(entries, entry, utf8(header.key));
      place(entries, entry + 8, header.value);
      entry += HEADER_ENTRY_BYTES;
    }
  }
  const data = Buffer.concat([new Uint8Array(entries.buffer), ...pieces]);
  return { table: new Uint8Array(table.buffer), data: Uint8Array.from(data) };
}

/** `codecs` are those that this engine writes. */
export function batchVectors(
  instance: WebAssembly.Instance,
  engine: Engine,
  codecs: readonly number[],
): Vector[] {
  const make = makeVector.bind(undefined, instance, contents);
  const plain = engine.writeBatch(RECORDS, options({ producerId: 7n, producerEpoch: 1, baseSequence: 40 }));
  const lz4 = engine.writeBatch(RECORDS, options({ codec: CODEC_LZ4 }));
  return [...crcs(), ...sizes(), ...checks(), ...deepChecks(), ...reads(), ...writes()];

  function crcs(): Vector[] {
    return [
      make("crc32c: the check value of the polynomial", { digits: hex(utf8("123456789")) }, [
        ask("crc32c", ["@digits", "#digits", 0], { expect: 0xe3069283 }),
        ask("crc32c", ["@digits", 0, 0], { expect: 0 }),
        ask("crc32c", ["@digits", 4, 0]),
        ask("crc32c", ["@digits", 0, 123], { expect: 123 }),
        ask("crc32c", [1024, 9, 0], { expect: 0 }),
        ask("crc32c", ["@digits", -1, 0], { expect: 0 }),
      ]),
      // RFC 3720, B.4.
      make(
        "crc32c: 32 bytes of zeros, ones, and rising",
        {
          zeros: { repeat: "00", times: 32 },
          ones: { repeat: "ff", times: 32 },
          rising: hex(Uint8Array.from({ length: 32 }, (_, at) => at)),
        },
        [
          ask("crc32c", ["@zeros", 32, 0], { expect: 0x8a9136aa }),
          ask("crc32c", ["@ones", 32, 0], { expect: 0x62a8ab43 }),
          ask("crc32c", ["@rising", 32, 0], { expect: 0x46dd794e }),
        ],
      ),
      make(
        "crc32c: short, long, and in parts",
        { long: { repeat: { name: "long" }, times: 3 }, zeros: { name: "zeros" } },
        [1, 7, 16, 63, 64, 255, 1672, 5424, 12_287, 12_288, 65_536, 100_000]
          .map((length) => ask("crc32c", ["@long+3", length, 0]))
          .concat(
            ask("crc32c", ["@long", "#long", 0]),
            ask("crc32c", ["@long+1000", 90_000, engine.crc32c(new Uint8Array(4)) | 0]),
            ask("crc32c", ["@zeros", "#zeros", 0]),
          ),
      ),
    ];
  }

  function sizes(): Vector[] {
    return [
      make("batchSize: told by 17 bytes", { batch: written(plain.subarray(0, 17)) }, [
        ask("batchSize", ["@batch", 17], { expect: plain.length }),
        ask("batchSize", ["@batch", 16], { expect: TORN }),
        ask("batchSize", ["@batch", 0], { expect: TORN }),
        ask("batchSize", [0, 17], { expect: BAD_ARGUMENT }),
        ask("batchSize", ["@end", 17], { expect: BAD_ARGUMENT }),
      ]),
      make(
        "batchSize: lengths that cannot be, and another magic",
        {
          tooSmall: hex(changed(plain, (view) => view.setInt32(8, 48), false).subarray(0, 17)),
          least: hex(changed(plain, (view) => view.setInt32(8, 49), false).subarray(0, 17)),
          negative: hex(changed(plain, (view) => view.setInt32(8, -1), false).subarray(0, 17)),
          most: hex(changed(plain, (view) => view.setInt32(8, 2 ** 31 - 13), false).subarray(0, 17)),
          tooLarge: hex(changed(plain, (view) => view.setInt32(8, 2 ** 31 - 12), false).subarray(0, 17)),
          magic1: hex(changed(plain, (view) => view.setInt8(MAGIC_AT, 1), false).subarray(0, 17)),
        },
        [
          ask("batchSize", ["@tooSmall", 17], { expect: BAD_LENGTH }),
          ask("batchSize", ["@least", 17], { expect: BATCH_HEADER_BYTES }),
          ask("batchSize", ["@negative", 17], { expect: BAD_LENGTH }),
          ask("batchSize", ["@most", 17], { expect: 2 ** 31 - 1 }),
          ask("batchSize", ["@tooLarge", 17], { expect: BAD_LENGTH }),
          ask("batchSize", ["@magic1", 17], { expect: BAD_MAGIC }),
        ],
      ),
    ];
  }

  function checks(): Vector[] {
    const stamped = changed(
      plain,
      (view) => {
        view.setBigInt64(BASE_OFFSET_AT, 1234n);
        view.setInt32(LEADER_EPOCH_AT, 9);
      },
      false,
    );
    const empty = changed(plain.subarray(0, BATCH_HEADER_BYTES), (view) => {
      view.setInt32(RECORDS_COUNT_AT, 0);
    });
    const bad: readonly [string, Uint8Array, number][] = [
      [
        "a bit that flipped",
        changed(plain, (view) => view.setInt8(100, view.getInt8(100) ^ 4), false),
        BAD_CRC,
      ],
      [
        "a CRC that flipped",
        changed(plain, (view) => view.setInt8(20, view.getInt8(20) ^ 1), false),
        BAD_CRC,
      ],
      ["a count below 0", changed(plain, (view) => view.setInt32(RECORDS_COUNT_AT, -1)), BAD_LENGTH],
      [
        "a last offset below the first",
        changed(plain, (view) => view.setInt32(LAST_OFFSET_DELTA_AT, -1)),
        BAD_LENGTH,
      ],
      [
        "more records than offsets",
        changed(plain, (view) => view.setInt32(LAST_OFFSET_DELTA_AT, 2)),
        BAD_LENGTH,
      ],
    ];
    return [
      make(
        "checkBatch: sound, whatever stands before it and behind it",
        { batch: written(plain), stamped: written(stamped), empty: hex(empty) },
        [
          ask("checkBatch", ["@batch", "#batch"], { expect: plain.length }),
          ask("checkBatch", ["@batch", plain.length + 20], { expect: plain.length }),
          ask("checkBatch", ["@stamped", "#stamped"], { expect: plain.length }),
          ask("checkBatch", ["@empty", "#empty"], { expect: BATCH_HEADER_BYTES }),
          ask("checkBatch", ["@batch", plain.length - 1], { expect: TORN }),
          ask("checkBatch", ["@batch", 16], { expect: TORN }),
          ask("checkBatch", ["@end", 61], { expect: BAD_ARGUMENT }),
        ],
      ),
      ...bad.map(([name, bytes, expect]) =>
        make(`checkBatch: ${name}`, { batch: written(bytes) }, [
          ask("checkBatch", ["@batch", "#batch"], { expect }),
        ]),
      ),
    ];
  }

  function deepChecks(): Vector[] {
    const check = (name: string, batch: Uint8Array, expect: number, room = 2000): Vector =>
      make(`checkRecords: ${name}`, { batch: written(batch), scratch: room, times: RECORD_TIMES_BYTES }, [
        ask("checkBatch", ["@batch", "#batch"], { expect: batch.length }),
        ask(
          "checkRecords",
          ["@batch", "#batch", "@scratch", "#scratch", "@times"],
          expect > 0 ? { expect, keep: { times: RECORD_TIMES_BYTES } } : { expect },
        ),
      ]);
    const cutShort = (batch: Uint8Array, by: number): Uint8Array =>
      resealed(batch.slice(0, batch.length - by));
    const holes = engine.writeBatch(RECORDS.slice(0, 2), options());
    return [
      check("four that are sound", plain, 4),
      ...codecs.map((codec) =>
        check(`sound in codec ${codec}`, engine.writeBatch(RECORDS, options({ codec })), 4),
      ),
      check(
        "with holes behind them",
        changed(holes, (view) => view.setInt32(LAST_OFFSET_DELTA_AT, 100)),
        2,
      ),
      check("cut short", cutShort(plain, 1), BAD_RECORDS),
      check(
        "one more than the header says",
        changed(plain, (view) => view.setInt32(RECORDS_COUNT_AT, 3)),
        BAD_RECORDS,
      ),
      check(
        "more than the bytes can hold",
        changed(plain, (view) => {
          view.setInt32(RECORDS_COUNT_AT, 10_000);
          view.setInt32(LAST_OFFSET_DELTA_AT, 9_999);
        }),
        BAD_RECORDS,
      ),
      check(
        "beyond the last offset",
        changed(plain, (view) => {
          // The third offset delta, 2, becomes 4.
          const at = hex(plain).indexOf("808080804004") / 2;
          view.setInt8(at + 5, 8);
        }),
        BAD_OFFSET,
      ),
      check("compressed to more than there is room for", lz4, OUTPUT_FULL, 100),
      check("in a frame that is cut short", cutShort(lz4, 5), BAD_FRAME),
      check(
        "in a codec that Kafka has not",
        changed(plain, (view) => view.setInt16(ATTRIBUTES_AT, 6)),
        UNSUPPORTED_CODEC,
      ),
      make(
        "checkRecords: a size that is not the batch's",
        { batch: written(plain), times: RECORD_TIMES_BYTES },
        [
          ask("checkRecords", ["@batch", plain.length - 1, "@batch", 0, "@times"], { expect: BAD_ARGUMENT }),
          ask("checkRecords", ["@batch", "#batch", "@batch", 0, 0], { expect: BAD_ARGUMENT }),
          ask("checkRecords", ["@batch", "#batch", 8, 0, "@times"], { expect: BAD_ARGUMENT }),
        ],
      ),
    ];
  }

  function reads(): Vector[] {
    const records = plain.subarray(RECORDS_AT);
    const room = 4 * DESCRIPTOR_BYTES;
    return [
      make("readRecords: all at once, and one after the other", { records: hex(records), table: room }, [
        ask("readRecords", ["@records", "#records", 0, 4, -1, 3, "@table"], {
          expect: records.length,
          keep: { table: room },
        }),
        ask("readRecords", ["@records", "#records", 0, 1, -1, 3, "@table"], {
          keep: { table: DESCRIPTOR_BYTES },
        }),
        ask("readRecords", ["@records", "#records", "#records", 0, 3, 3, "@table"], {
          expect: records.length,
        }),
        ask("readRecords", ["@records", "#records", 0, 4, 0, 3, "@table"], { expect: BAD_OFFSET }),
        ask("readRecords", ["@records", "#records", 0, 4, -1, 2, "@table"], { expect: BAD_OFFSET }),
        ask("readRecords", ["@records", records.length - 1, 0, 4, -1, 3, "@table"], { expect: BAD_RECORDS }),
        ask("readRecords", ["@records+1", records.length - 1, 0, 4, -1, 3, "@table"], {
          expect: BAD_RECORDS,
        }),
        ask("readRecords", ["@records", "#records", 0, -1, -1, 3, "@table"], { expect: BAD_ARGUMENT }),
        ask("readRecords", ["@records", "#records", records.length + 1, 0, -1, 3, "@table"], {
          expect: BAD_ARGUMENT,
        }),
        ask("readRecords", ["@records", "#records", 0, 4, -1, 3, "@end"], { expect: BAD_ARGUMENT }),
        ask("readRecords", ["@records", "#records", 0, 2 ** 31 - 1, -1, 3, "@table"], {
          expect: BAD_ARGUMENT,
        }),
      ]),
      make(
        "readRecords: varints at their longest and beyond",
        {
          longest: "1600" + "00" + "8080808000" + "01" + "01" + "8000",
          tooLong: "1800" + "00" + "808080808000" + "01" + "01" + "8000",
          beyond: "1600" + "00" + "ffffffff1f" + "01" + "01" + "8000",
          table: DESCRIPTOR_BYTES,
        },
        [
          ask("readRecords", ["@longest", "#longest", 0, 1, -1, 0, "@table"], {
            expect: 12,
            keep: { table: DESCRIPTOR_BYTES },
          }),
          ask("readRecords", ["@tooLong", "#tooLong", 0, 1, -1, 0, "@table"], { expect: BAD_RECORDS }),
          ask("readRecords", ["@beyond", "#beyond", 0, 1, -1, 0, "@table"], { expect: BAD_RECORDS }),
        ],
      ),
    ];
  }

  function writes(): Vector[] {
    const { table, data } = packed(RECORDS);
    const input = { table: hex(table), data: written(data) };
    const producer = [`${BASE_TIMESTAMP}n`, "7n", 1, 40];
    const none = [`${BASE_TIMESTAMP}n`, "-1n", -1, -1];
    const from = ["@table", RECORDS.length, "@data", "#data"];
    const outside = Uint8Array.from(table);
    new DataView(outside.buffer).setUint32(DESCRIPTOR_VALUE_AT, data.length - 3, true);
    new DataView(outside.buffer).setInt32(DESCRIPTOR_VALUE_LENGTH_AT, 4, true);
    const keyBelow = Uint8Array.from(table);
    new DataView(keyBelow.buffer).setInt32(DESCRIPTOR_KEY_LENGTH_AT, -2, true);
    return [
      make("writeBatch: by a producer, without a codec", { ...input, output: plain.length }, [
        ask("writeBatch", [...from, "@output", "#output", "@output", 0, CODEC_NONE, ...producer], {
          expect: plain.length,
          after: { output: written(plain) },
        }),
        ask("writeBatch", [...from, "@output", plain.length - 1, "@output", 0, CODEC_NONE, ...producer], {
          expect: OUTPUT_FULL,
        }),
        ask("writeBatch", [...from, "@output", 60, "@output", 0, CODEC_NONE, ...producer], {
          expect: OUTPUT_FULL,
        }),
        ask(
          "writeBatch",
          ["@table", 0, "@data", "#data", "@output", "#output", "@output", 0, 0, ...producer],
          { expect: BAD_ARGUMENT },
        ),
        ask(
          "writeBatch",
          ["@table", -1, "@data", "#data", "@output", "#output", "@output", 0, 0, ...producer],
          { expect: BAD_ARGUMENT },
        ),
        ask(
          "writeBatch",
          [
            "@table",
            RECORDS.length,
            "@data",
            data.length - 1,
            "@output",
            "#output",
            "@output",
            0,
            0,
            ...producer,
          ],
          { expect: BAD_ARGUMENT },
        ),
        ask("writeBatch", [...from, 16, "#output", "@output", 0, 0, ...producer], { expect: BAD_ARGUMENT }),
      ]),
      make(
        "writeBatch: descriptors that point outside their data",
        { outside: hex(outside), keyBelow: hex(keyBelow), data: written(data), output: 1000 },
        [
          ask(
            "writeBatch",
            ["@outside", 4, "@data", "#data", "@output", "#output", "@output", 0, 0, ...none],
            { expect: BAD_ARGUMENT },
          ),
          ask(
            "writeBatch",
            ["@keyBelow", 4, "@data", "#data", "@output", "#output", "@output", 0, 0, ...none],
            { expect: BAD_ARGUMENT },
          ),
        ],
      ),
      make(
        "writeBatch: in codecs that there are not",
        { ...input, output: 2000, scratch: 1000 },
        [5, 6, 7].map((codec) =>
          ask("writeBatch", [...from, "@output", "#output", "@scratch", "#scratch", codec, ...none], {
            expect: UNSUPPORTED_CODEC,
          }),
        ),
      ),
      ...codecs.map((codec) => {
        const sealed = engine.writeBatch(RECORDS, options({ codec, transactional: true }));
        return make(
          `writeBatch: in codec ${codec}, transactional`,
          { ...input, output: 2000, scratch: 1000 },
          [
            ask("writeBatch", [...from, "@output", "#output", "@scratch", "#scratch", codec | 16, ...none], {
              expect: sealed.length,
              after: { output: written(sealed) },
            }),
            ask("writeBatch", [...from, "@output", "#output", "@scratch", 100, codec | 16, ...none], {
              expect: OUTPUT_FULL,
            }),
            ask(
              "writeBatch",
              [...from, "@output", BATCH_HEADER_BYTES, "@scratch", "#scratch", codec | 16, ...none],
              { expect: OUTPUT_FULL },
            ),
          ],
        );
      }),
    ];
  }
}
