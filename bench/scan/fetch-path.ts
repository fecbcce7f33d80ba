/**
 * What a consumer does with a fetched batch: compare its CRC, decompress LZ4, and look at every record. The engine, with the
 * batch copied into its memory, against native libraries and a visitor in JavaScript on the same bytes.
 */
import {
  ATTRIBUTES_AT,
  CODEC_LZ4,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_TIMESTAMP_DELTA_AT,
  DESCRIPTOR_VALUE_AT,
  DESCRIPTOR_VALUE_LENGTH_AT,
  RECORDS_AT,
  SLACK_BYTES,
} from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import { SHORT_ROUNDS, type BenchSettings } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { clickStream } from "../click-stream.ts";
import { loadBareEngine, loadEngine, type BareEngine } from "../engine.ts";
import { interleave, loop, MEGABYTES, ratio } from "../harness.ts";
import { loadNativePeer, type Lz4Blocks, type Sse4Crc32 } from "../native-peers.ts";
import { barAndAim } from "../report.ts";
import { visitRecords } from "./javascript-visitor.ts";
import { decodeFrame } from "./lz4-frame.ts";
import type { Part } from "./part.ts";

const RECORDS = 1000;
const ROOM_BYTES = 4 * 1024 * 1024;
const FIRST_TIMESTAMP = 1_767_600_000_000;
const IN_MEMORY = "rivulet, copied into WASM memory";
const NATIVE = "sse4_crc32, lz4 (C), JavaScript";

export async function measureFetchPath(settings: BenchSettings, notes: string[]): Promise<Part> {
  const { rounds, warmups, roundMs } = SHORT_ROUNDS[settings.mode];
  const engine = loadEngine(settings.root);
  const batch = makeBatch(engine, settings.seed);
  const records = engine.decompress(CODEC_LZ4, batch.subarray(RECORDS_AT), ROOM_BYTES);
  const sse4 = loadNativePeer("sse4_crc32", settings, notes);
  const lz4 = loadNativePeer("lz4", settings, notes);
  const ways: Record<string, (() => number) | undefined> = {
    [IN_MEMORY]: inMemory(loadBareEngine(settings.root, ROOM_BYTES), batch, records.length),
    "rivulet, an object for each record": withObjects(engine, batch),
    [NATIVE]: sse4 && lz4 && native(sse4, lz4, batch, records.length),
  };
  const expected = visitRecords(records, RECORDS);
  const contenders = Object.entries(ways).flatMap(([name, work]) => {
    if (work === undefined) return [];
    if (work() !== expected) throw new Error(`${name} finds other records`);
    return [loop({ name, bytes: records.length, work: () => void work(), roundMs })];
  });
  const results = await interleave(contenders, { rounds, warmups });
  const value = ratio(results, MEGABYTES, IN_MEMORY, NATIVE);
  return {
    table: {
      title: "fetched batch",
      metrics: [MEGABYTES],
      ratioTo: NATIVE,
      cases: [{ name: `${RECORDS} records`, results }],
    },
    aims: barAndAim("CRC, LZ4 and every record of a fetched batch, times native libraries", [0.9, 1], value),
    counts: { "records in a fetched batch": RECORDS },
    hash: checksum([expected]),
  };
}

function makeBatch(engine: Engine, seed: number): Uint8Array {
  const events = clickStream(seed);
  const records = Array.from({ length: RECORDS }, (_, index) => ({
    key: null,
    value: Uint8Array.from(Buffer.from(events.next().value)),
    timestamp: FIRST_TIMESTAMP + index * 7,
  }));
  return engine.writeBatch(records, {
    codec: CODEC_LZ4,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    bytesMax: ROOM_BYTES,
  });
}

/** Every way sums up the same of each record: its time after the batch's, its value's length and first byte. */
function inMemory(bare: BareEngine, batch: Uint8Array, recordsBytes: number): () => number {
  const [check, decompress, read] = ["checkBatch", "decompress", "readRecords"].map((name) =>
    bare.resolve(name),
  );
  if (check === undefined || decompress === undefined || read === undefined) throw new Error("no engine");
  const lastDelta = new BatchHeader(batch).lastOffsetDelta;
  const at = bare.put(batch, 0);
  const records = Math.ceil((at + batch.length + SLACK_BYTES) / 64) * 64;
  const table = Math.ceil((records + recordsBytes + SLACK_BYTES) / 64) * 64;
  const memory = bare.view();
  const words = new Int32Array(memory.buffer, table, (RECORDS * DESCRIPTOR_BYTES) / 4);
  return () => {
    memory.set(batch, at);
    if (check(at, batch.length) !== batch.length) throw new Error("not sound");
    const length = decompress(CODEC_LZ4, at + RECORDS_AT, batch.length - RECORDS_AT, records, recordsBytes);
    if (read(records, length, 0, RECORDS, -1, lastDelta, table) !== length) throw new Error("not sound");
    let sum = 0;
    for (let word = 0; word < words.length; word += DESCRIPTOR_BYTES / 4) {
      const value = words[word + DESCRIPTOR_VALUE_AT / 4] ?? 0;
      sum += words[word + DESCRIPTOR_TIMESTAMP_DELTA_AT / 4] ?? 0;
      sum += words[word + DESCRIPTOR_VALUE_LENGTH_AT / 4] ?? 0;
      sum += memory[records + value] ?? 0;
    }
    return sum;
  };
}

function withObjects(engine: Engine, batch: Uint8Array): () => number {
  return () => {
    if (engine.checkBatch(batch, false, 0) !== batch.length) throw new Error("not sound");
    let sum = 0;
    for (const { timestamp, value } of engine.readBatch(batch, ROOM_BYTES)) {
      sum += timestamp - FIRST_TIMESTAMP + (value?.length ?? 0) + (value?.[0] ?? 0);
    }
    return sum;
  };
}

function native(sse4: Sse4Crc32, lz4: Lz4Blocks, batch: Uint8Array, recordsBytes: number): () => number {
  const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
  const sealed = bytes.subarray(ATTRIBUTES_AT);
  const frame = bytes.subarray(RECORDS_AT);
  const crc = sse4.calculate(sealed);
  const records = Buffer.alloc(recordsBytes);
  return () => {
    if (sse4.calculate(sealed) !== crc) throw new Error("not sound");
    decodeFrame(lz4, frame, records);
    return visitRecords(records, RECORDS);
  };
}
