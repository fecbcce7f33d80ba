/** How each status of the engine is reached, by name, and that what is nearly the same is sound. */
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BATCH_LENGTH_AT,
  CODEC_GZIP,
  CODEC_LZ4,
  CODEC_SNAPPY,
  CODEC_ZSTD,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_HEADERS_AT,
  DESCRIPTOR_HEADERS_COUNT_AT,
  DESCRIPTOR_KEY_AT,
  DESCRIPTOR_KEY_LENGTH_AT,
  DESCRIPTOR_VALUE_LENGTH_AT,
  HEADER_KEY_AT,
  HEADER_KEY_LENGTH_AT,
  HEADER_VALUE_LENGTH_AT,
  HEAP_AT,
  LAST_OFFSET_DELTA_AT,
  MAGIC_AT,
  RECORDS_AT,
  RECORDS_COUNT_AT,
  RECORD_TIMES_BYTES,
  SCANNED_BYTES,
  SCAN_BASE_OFFSET_AT,
  SCAN_BATCH_BYTES_MAX_AT,
  SCAN_NEXT_OFFSET_AT,
  SCAN_POSITION_AT,
  SCAN_STATE_BYTES,
} from "../../engine-as/format.ts";
import * as status from "../../engine-as/status.ts";
import { BASE_TIMESTAMP, options, resealed, utf8 } from "./batches.ts";
import { loadEngine } from "./load.ts";

type Status = keyof typeof status;
/** A pointer to these bytes, or to room for so many. */
type Argument = number | bigint | Uint8Array | { readonly room: number };
/** How a status is reached: the function, the way, and its arguments. */
export type Way = readonly [call: string, way: string, ...values: readonly Argument[]];

const ROOM = 1000;
const room = (bytes = ROOM): { readonly room: number } => ({ room: bytes });
const engine = loadEngine();
const CODECS = [CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD];
const CONTENT = utf8("an order and an order and an order");
const EMPTY = new Uint8Array(0);

const records = [1, 2, 3].map((at) => ({ key: null, value: utf8(`value ${at}`), timestamp: BASE_TIMESTAMP }));
const batch = engine.writeBatch(records, options());
const inCodec = (codec: number): Uint8Array => engine.writeBatch(records, options({ codec }));

/** The batch with something in it changed; sealed again unless its CRC is what is wrong. */
function changed(change: (view: DataView) => void, source = batch, seal = true): Uint8Array {
  const bytes = Uint8Array.from(source);
  change(new DataView(bytes.buffer));
  return seal ? resealed(bytes) : bytes;
}

/** A batch of these records, as they stand. */
function holding(body: string, count = 1, lastDelta = 20): Uint8Array {
  const bytes = Uint8Array.from(Buffer.concat([batch.subarray(0, RECORDS_AT), Buffer.from(body, "hex")]));
  return changed((view) => {
    view.setInt32(BATCH_LENGTH_AT, bytes.length - 12);
    view.setInt32(RECORDS_COUNT_AT, count);
    view.setInt32(LAST_OFFSET_DELTA_AT, lastDelta);
  }, bytes);
}

function state(change: (view: DataView) => void = () => {}): Uint8Array {
  const view = new DataView(new ArrayBuffer(SCAN_STATE_BYTES));
  view.setInt32(SCAN_BATCH_BYTES_MAX_AT, ROOM, true);
  change(view);
  return new Uint8Array(view.buffer);
}

/** A record is its length, attributes, timestamp delta, offset delta, key, value, headers: each broken in its way. */
const UNSOUND: readonly (readonly [way: string, record: string])[] = [
  ["a length below 0", "01000000010100"],
  ["a length that goes on too long", "8080808080000000010100"],
  ["a length beyond the end", "1000000001010000"],
  ["no room for attributes", "00000000000000"],
  ["a timestamp delta of 11 bytes", "20008080808080808080808000000101000000000000"],
  ["a timestamp delta beyond 64 bits", "1e00ffffffffffffffffff7f0001010000"],
  ["an offset delta of 6 bytes", "1800008080808080000101000000"],
  ["a key length below -1", "0c000000030100"],
  ["a key beyond the end", "0c000000100100"],
  ["a value length below -1", "0c000000010300"],
  ["a value beyond the end", "0c000000011000"],
  ["a headers count below 0", "0c000000010101"],
  ["more headers than there are bytes", "0c000000010104"],
  ["a header key that is null", "10000000010102" + "0101"],
  ["a header key beyond the end", "10000000010102" + "1001"],
  ["a header value beyond the end", "10000000010102" + "0010"],
  ["bytes behind its headers", "0e00000001010000"],
  ["an end in the middle", "0400000101000000"],
];

const OUTSIDE: readonly (readonly [where: string, at: number])[] = [
  ["in the engine's part of memory", HEAP_AT - 1],
  ["at 0", 0],
  ["beyond memory", -64],
];

/** A descriptor table of one record with one header, and its data: one changed field leads outside. */
function describedBy(
  at: number,
  value: number,
  inHeader = false,
): readonly [Uint8Array, number, Uint8Array, number] {
  const table = new DataView(new ArrayBuffer(DESCRIPTOR_BYTES));
  table.setInt32(DESCRIPTOR_HEADERS_COUNT_AT, 1, true);
  table.setInt32(DESCRIPTOR_HEADERS_AT, 0, true);
  const data = new DataView(new ArrayBuffer(24));
  (inHeader ? data : table).setInt32(at, value, true);
  return [new Uint8Array(table.buffer), 1, new Uint8Array(data.buffer), 24];
}

const PRODUCER = [0, 0n, -1n, -1, -1] as const;
const WRITTEN = [room(), ROOM, room(), ROOM, ...PRODUCER] as const;
const sound = describedBy(DESCRIPTOR_KEY_AT, 0);
const scanned = [room(SCANNED_BYTES), 1, room(8), room(12)] as const;
const scan = (bytes: Uint8Array, from = state()): readonly Argument[] => [
  from,
  bytes,
  bytes.length,
  ...scanned,
];
const deep = (bytes: Uint8Array, scratch = ROOM): readonly Argument[] => [
  bytes,
  bytes.length,
  room(scratch),
  scratch,
  room(RECORD_TIMES_BYTES),
];
/** The first and third are kept. */
const rewrite = (bytes: Uint8Array, output = ROOM, scratch = ROOM, keep = 5): readonly Argument[] => [
  bytes,
  bytes.length,
  Uint8Array.of(keep),
  room(output),
  output,
  room(scratch),
  scratch,
  -1n,
];
const read = (body: string, count = 1, lastDelta = 20): readonly Argument[] => {
  const bytes = Uint8Array.from(Buffer.from(body, "hex"));
  return [bytes, bytes.length, 0, count, -1, lastDelta, room(count * DESCRIPTOR_BYTES)];
};

/** A batch whose header says what cannot be, to all who check it whole. */
const UNTRUE: readonly (readonly [way: string, bytes: Uint8Array])[] = [
  ["a count below 0", changed((view) => view.setInt32(RECORDS_COUNT_AT, -1))],
  ["a last offset below the first", changed((view) => view.setInt32(LAST_OFFSET_DELTA_AT, -1))],
  ["more records than offsets", changed((view) => view.setInt32(LAST_OFFSET_DELTA_AT, 1))],
];
const IMPOSSIBLE: readonly (readonly [way: string, bytes: Uint8Array])[] = [
  [
    "a length that leaves no room for the header",
    changed((view) => view.setInt32(BATCH_LENGTH_AT, 48), batch, false),
  ],
  ["a length below 0", changed((view) => view.setInt32(BATCH_LENGTH_AT, -1), batch, false)],
  [
    "a length of which the size is beyond 31 bits",
    changed((view) => view.setInt32(BATCH_LENGTH_AT, 2 ** 31 - 12), batch, false),
  ],
];
const rotten = changed((view) => view.setUint8(batch.length - 1, 0xff), batch, false);
const magic1 = changed((view) => view.setInt8(MAGIC_AT, 1));
const FALLING = "0c000002010100" + "0c000000010100";
const LATE = "0c000000010100" + "0c00002a010100";
const TWICE = "0c000002010100" + "0c000002010100";

export const ways: Readonly<Record<Exclude<Status, "OK">, readonly Way[]>> = {
  TORN: [
    ["batchSize", "16 bytes", batch, 16],
    ["checkBatch", "16 bytes", batch, 16],
    ["checkBatch", "all but one byte", batch, batch.length - 1],
    ["scanSegment", "16 bytes", ...scan(batch.subarray(0, 16))],
    ["scanSegment", "all but one byte", ...scan(batch.subarray(0, -1))],
  ],
  BAD_MAGIC: [
    ["batchSize", "magic 1", magic1, 17],
    ["checkBatch", "magic 1", magic1, magic1.length],
    ["scanSegment", "magic 1", ...scan(magic1)],
  ],
  BAD_LENGTH: [
    ...IMPOSSIBLE.flatMap(([way, bytes]): Way[] => [
      ["batchSize", way, bytes, 17],
      ["checkBatch", way, bytes, bytes.length],
      ["scanSegment", way, ...scan(bytes)],
    ]),
    ...UNTRUE.flatMap(([way, bytes]): Way[] => [
      ["checkBatch", way, bytes, bytes.length],
      ["scanSegment", way, ...scan(bytes)],
      ["rewriteBatch", way, ...rewrite(bytes)],
    ]),
    [
      "scanSegment",
      "a batch beyond the limit",
      ...scan(
        batch,
        state((view) => view.setInt32(SCAN_BATCH_BYTES_MAX_AT, 61, true)),
      ),
    ],
    [
      "scanSegment",
      "a segment beyond 31 bits",
      ...scan(
        batch,
        state((view) => view.setUint32(SCAN_POSITION_AT, 2 ** 31 - 80, true)),
      ),
    ],
  ],
  BAD_CRC: [
    ["checkBatch", "a byte that has changed", rotten, rotten.length],
    ["scanSegment", "a byte that has changed", ...scan(rotten)],
    ["rewriteBatch", "a byte that has changed", ...rewrite(rotten)],
  ],
  BAD_RECORDS: [
    ...UNSOUND.flatMap(([way, record]): Way[] => [
      ["checkRecords", way, ...deep(holding(record))],
      ["readRecords", way, ...read(record)],
      ["rewriteBatch", way, ...rewrite(holding(record, 2), ROOM, ROOM, 1)],
    ]),
    ["checkRecords", "a count that the bytes cannot hold", ...deep(holding("0c000000010100", 2))],
    ["readRecords", "a count that the bytes cannot hold", ...read("0c000000010100", 2)],
    [
      "rewriteBatch",
      "a count that the bytes cannot hold",
      ...rewrite(holding("0c000000010100", 2), ROOM, ROOM, 1),
    ],
    ["checkRecords", "bytes behind the last", ...deep(holding("0c00000001010000"))],
    ["rewriteBatch", "bytes behind the last", ...rewrite(holding(`${LATE}00`, 2, 40), ROOM, ROOM, 1)],
    [
      "checkRecords",
      "bytes that are cut off, in a codec",
      ...deep(
        changed((view) => {
          view.setInt32(RECORDS_COUNT_AT, 4);
          view.setInt32(LAST_OFFSET_DELTA_AT, 3);
        }, inCodec(CODEC_LZ4)),
      ),
    ],
  ],
  BAD_OFFSET: [
    ...(
      [
        ["offsets that fall", FALLING],
        ["an offset twice", TWICE],
        ["an offset beyond the last", LATE],
      ] as const
    ).flatMap(([way, body]): Way[] => [
      ["checkRecords", way, ...deep(holding(body, 2))],
      ["readRecords", way, ...read(body, 2)],
      ["rewriteBatch", way, ...rewrite(holding(body, 2), ROOM, ROOM, 1)],
    ]),
    [
      "scanSegment",
      "an offset that was there before",
      ...scan(
        batch,
        state((view) => view.setBigInt64(SCAN_NEXT_OFFSET_AT, 1n, true)),
      ),
    ],
    [
      "scanSegment",
      "an offset before the segment's first",
      ...scan(
        batch,
        state((view) => view.setBigInt64(SCAN_BASE_OFFSET_AT, 1n, true)),
      ),
    ],
    [
      "scanSegment",
      "an offset beyond 31 bits from the first",
      ...scan(changed((view) => view.setBigInt64(BASE_OFFSET_AT, 2n ** 31n - 2n), batch, false)),
    ],
    [
      "scanSegment",
      "an offset after which there is none",
      ...scan(
        changed((view) => view.setBigInt64(BASE_OFFSET_AT, 2n ** 63n - 5n), batch, false),
        state((view) => view.setBigInt64(SCAN_BASE_OFFSET_AT, 2n ** 63n - 100n, true)),
      ),
    ],
  ],
  UNSUPPORTED_CODEC: [
    ...[-1, 0, 5, 6, 7, 8].flatMap((codec): Way[] => [
      ["compressedBytesMax", `codec ${codec}`, codec, 10],
      ["compress", `codec ${codec}`, codec, CONTENT, CONTENT.length, room(), ROOM],
      ["decompress", `codec ${codec}`, codec, CONTENT, CONTENT.length, room(), ROOM],
    ]),
    ...[5, 6, 7].flatMap((codec): Way[] => {
      const bytes = changed((view) => view.setInt16(ATTRIBUTES_AT, codec));
      return [
        ["checkRecords", `codec ${codec}`, ...deep(bytes)],
        ["rewriteBatch", `codec ${codec}`, ...rewrite(bytes)],
        ["writeBatch", `codec ${codec}`, ...sound, room(), ROOM, room(), ROOM, codec, ...PRODUCER.slice(1)],
      ];
    }),
  ],
  OUTPUT_FULL: [
    ...CODECS.flatMap((codec): Way[] => {
      const frame = engine.compress(codec, CONTENT);
      const bytes = inCodec(codec);
      return [
        [
          "compress",
          `codec ${codec}, less room than it may take`,
          codec,
          CONTENT,
          CONTENT.length,
          room(CONTENT.length),
          CONTENT.length,
        ],
        [
          "decompress",
          `codec ${codec}, a byte too little`,
          codec,
          frame,
          frame.length,
          room(CONTENT.length - 1),
          CONTENT.length - 1,
        ],
        ["decompress", `codec ${codec}, no room at all`, codec, frame, frame.length, room(0), 0],
        ["checkRecords", `codec ${codec}, scratch too small`, ...deep(bytes, 20)],
        ["rewriteBatch", `codec ${codec}, scratch too small to decompress`, ...rewrite(bytes, ROOM, 20)],
        ["rewriteBatch", `codec ${codec}, scratch too small to write`, ...rewrite(bytes, ROOM, 80)],
        ["rewriteBatch", `codec ${codec}, output too small`, ...rewrite(bytes, 61, ROOM)],
        [
          "writeBatch",
          `codec ${codec}, scratch too small`,
          ...sound,
          room(),
          ROOM,
          room(3),
          3,
          codec,
          ...PRODUCER.slice(1),
        ],
        [
          "writeBatch",
          `codec ${codec}, output too small`,
          ...sound,
          room(62),
          62,
          room(),
          ROOM,
          codec,
          ...PRODUCER.slice(1),
        ],
      ];
    }),
    ["writeBatch", "no room for the header", ...sound, room(60), 60, room(0), 0, ...PRODUCER],
    ["writeBatch", "no room for the record", ...sound, room(65), 65, room(0), 0, ...PRODUCER],
    ["rewriteBatch", "no room for the header", ...rewrite(batch, 60)],
    ["rewriteBatch", "no room for all", ...rewrite(batch, batch.length - 1, 0, 7)],
    ["rewriteBatch", "no room for a record", ...rewrite(batch, 70)],
  ],
  BAD_FRAME: CODECS.flatMap((codec): Way[] => {
    const frame = engine.compress(codec, CONTENT);
    const longer = Uint8Array.from([...frame, 1]);
    const cut = resealed(inCodec(codec).slice(0, -2));
    return [
      ["decompress", `codec ${codec}, nothing`, codec, EMPTY, 0, room(), ROOM],
      ["decompress", `codec ${codec}, cut short`, codec, frame, frame.length - 1, room(), ROOM],
      ["decompress", `codec ${codec}, something behind it`, codec, longer, longer.length, room(), ROOM],
      ["checkRecords", `codec ${codec}, cut short`, ...deep(cut)],
      ["rewriteBatch", `codec ${codec}, cut short`, ...rewrite(cut)],
    ];
  }),
  BAD_ARGUMENT: [
    ...OUTSIDE.flatMap(([where, at]): Way[] => [
      ["batchSize", `a batch ${where}`, at, 17],
      ["checkBatch", `a batch ${where}`, at, 61],
      ["checkRecords", `a batch ${where}`, at, 61, room(), ROOM, room(16)],
      ["checkRecords", `scratch ${where}`, batch, batch.length, at, ROOM, room(16)],
      ["checkRecords", `times ${where}`, batch, batch.length, room(), ROOM, at],
      ["readRecords", `records ${where}`, at, 20, 0, 1, -1, 0, room()],
      ["readRecords", `a table ${where}`, CONTENT, 20, 0, 1, -1, 0, at],
      ["writeBatch", `a table ${where}`, at, ...sound.slice(1), ...WRITTEN],
      ["writeBatch", `data ${where}`, ...sound.slice(0, 2), at, 24, ...WRITTEN],
      ["writeBatch", `output ${where}`, ...sound, at, ROOM, room(), ROOM, ...PRODUCER],
      ["writeBatch", `scratch ${where}`, ...sound, room(), ROOM, at, ROOM, ...PRODUCER],
      ["rewriteBatch", `a batch ${where}`, at, ...rewrite(batch).slice(1)],
      ["rewriteBatch", `a bitmap ${where}`, ...rewrite(batch).slice(0, 2), at, ...rewrite(batch).slice(3)],
      ["rewriteBatch", `output ${where}`, ...rewrite(batch).slice(0, 3), at, ...rewrite(batch).slice(4)],
      ["rewriteBatch", `scratch ${where}`, ...rewrite(batch).slice(0, 5), at, ...rewrite(batch).slice(6)],
      ["scanSegment", `a state ${where}`, at, ...scan(batch).slice(1)],
      ["scanSegment", `bytes ${where}`, state(), at, ...scan(batch).slice(2)],
      ["scanSegment", `a table ${where}`, state(), batch, batch.length, at, ...scanned.slice(1)],
      ["scanSegment", `an offset index ${where}`, state(), batch, batch.length, room(64), 1, at, room(12)],
      ["scanSegment", `a time index ${where}`, state(), batch, batch.length, room(64), 1, room(8), at],
      ["lookupOffset", `an index ${where}`, at, 1, 0],
      ["lookupTime", `an index ${where}`, at, 1, 0n],
      ["lookupOffsets", `an index ${where}`, at, 1, room(4), 1, room(4)],
      ["lookupOffsets", `targets ${where}`, room(8), 1, at, 1, room(4)],
      ["lookupOffsets", `results ${where}`, room(8), 1, room(4), 1, at],
      ["lookupTimes", `an index ${where}`, at, 1, room(8), 1, room(4)],
      ["lookupTimes", `targets ${where}`, room(12), 1, at, 1, room(4)],
      ["lookupTimes", `results ${where}`, room(12), 1, room(8), 1, at],
      ["compress", `a source ${where}`, CODEC_LZ4, at, 30, room(), ROOM],
      ["compress", `output ${where}`, CODEC_LZ4, CONTENT, CONTENT.length, at, ROOM],
      ["decompress", `a source ${where}`, CODEC_LZ4, at, 30, room(), ROOM],
      ["decompress", `output ${where}`, CODEC_LZ4, CONTENT, CONTENT.length, at, ROOM],
    ]),
    ["checkRecords", "a size that is not the batch's", batch, batch.length - 1, room(), ROOM, room(16)],
    ["rewriteBatch", "a size that is not the batch's", batch, batch.length - 1, ...rewrite(batch).slice(2)],
    ["readRecords", "a position beyond the records", CONTENT, 20, 21, 0, -1, 0, room()],
    ["readRecords", "a count below 0", CONTENT, 20, 0, -1, -1, 0, room()],
    ["writeBatch", "no record", sound[0], 0, ...sound.slice(2), ...WRITTEN],
    ["writeBatch", "a count below 0", sound[0], -1, ...sound.slice(2), ...WRITTEN],
    ["writeBatch", "a key outside the data", ...describedBy(DESCRIPTOR_KEY_AT, 25), ...WRITTEN],
    [
      "writeBatch",
      "a key beyond the end of the data",
      ...describedBy(DESCRIPTOR_KEY_LENGTH_AT, 25),
      ...WRITTEN,
    ],
    ["writeBatch", "a key length below -1", ...describedBy(DESCRIPTOR_KEY_LENGTH_AT, -2), ...WRITTEN],
    [
      "writeBatch",
      "a value beyond the end of the data",
      ...describedBy(DESCRIPTOR_VALUE_LENGTH_AT, 25),
      ...WRITTEN,
    ],
    ["writeBatch", "a value length below -1", ...describedBy(DESCRIPTOR_VALUE_LENGTH_AT, -2), ...WRITTEN],
    ["writeBatch", "a headers count below 0", ...describedBy(DESCRIPTOR_HEADERS_COUNT_AT, -1), ...WRITTEN],
    [
      "writeBatch",
      "more headers than the data holds",
      ...describedBy(DESCRIPTOR_HEADERS_COUNT_AT, 2),
      ...WRITTEN,
    ],
    ["writeBatch", "headers outside the data", ...describedBy(DESCRIPTOR_HEADERS_AT, 20), ...WRITTEN],
    ["writeBatch", "a header key that is null", ...describedBy(HEADER_KEY_LENGTH_AT, -1, true), ...WRITTEN],
    ["writeBatch", "a header key outside the data", ...describedBy(HEADER_KEY_AT, 25, true), ...WRITTEN],
    [
      "writeBatch",
      "a header value length below -1",
      ...describedBy(HEADER_VALUE_LENGTH_AT, -2, true),
      ...WRITTEN,
    ],
    [
      "writeBatch",
      "a header value beyond the end of the data",
      ...describedBy(HEADER_VALUE_LENGTH_AT, 25, true),
      ...WRITTEN,
    ],
    ["scanSegment", "no room for a batch", state(), batch, batch.length, room(64), 0, room(8), room(12)],
    ["lookupOffset", "entries below 0", room(8), -1, 0],
    ["lookupTime", "entries below 0", room(12), -1, 0n],
    ["lookupOffsets", "entries below 0", room(8), -1, room(4), 1, room(4)],
    ["lookupOffsets", "targets below 0", room(8), 1, room(4), -1, room(4)],
    ["lookupTimes", "entries below 0", room(12), -1, room(8), 1, room(4)],
    ["lookupTimes", "targets below 0", room(12), 1, room(8), -1, room(4)],
    ["compressedBytesMax", "more than memory can be", CODEC_LZ4, 2 ** 30 + 1],
    ["compressedBytesMax", "a length below 0", CODEC_LZ4, -1],
  ],
};

/** Calls that are as they should be. */
export const soundWays: readonly Way[] = [
  ["checkBatch", "a batch", batch, batch.length],
  ["checkRecords", "three records", ...deep(batch)],
  ["checkRecords", "the least record", ...deep(holding("0c000000010100"))],
  ["readRecords", "the least record", ...read("0c000000010100")],
  ["writeBatch", "a record with a header", ...sound, ...WRITTEN],
  ["rewriteBatch", "two of three", ...rewrite(batch)],
  ["scanSegment", "a batch", ...scan(batch)],
  ["lookupOffsets", "one target", room(8), 1, room(4), 1, room(4)],
  ["lookupTimes", "one target", room(12), 1, room(8), 1, room(4)],
  ...CODECS.flatMap((codec): Way[] => [
    ["checkRecords", `codec ${codec}`, ...deep(inCodec(codec))],
    ["rewriteBatch", `codec ${codec}, two of three`, ...rewrite(inCodec(codec))],
  ]),
];
