/** Batches for the fuzzer: sound ones of every codec, and damage in headers and records that their CRC does not give away. */
import { crc32c } from "@node-rs/crc32";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD_BYTES,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  RECORDS_COUNT_AT,
} from "../../engine-as/format.ts";
import { options, randomRecords } from "../engine/batches.ts";
import { loadEngine } from "../engine/load.ts";
import { Random } from "../engine/random.ts";
import { KafkaError } from "../../wire/errors.ts";
import { edge, mutated, pick } from "./mutate.ts";

const INT32_FIELDS = [LAST_OFFSET_DELTA_AT, RECORDS_COUNT_AT, LEADER_EPOCH_AT, BATCH_LENGTH_AT];
const INT64_FIELDS = [BASE_OFFSET_AT, BASE_TIMESTAMP_AT, MAX_TIMESTAMP_AT];

/** Batches of 1 to 40 records in every codec that this engine writes. */
export function soundBatches(seed: number): Uint8Array[] {
  const engine = loadEngine();
  const random = new Random(seed);
  return [0, 0, 1, 2, 3, 4].flatMap((codec) => {
    try {
      return Array.from({ length: 12 }, () => {
        const records = randomRecords(random, 1 + random.below(random.oneIn(3) ? 40 : 6), 60);
        return engine.writeBatch(records, options({ codec, producerId: BigInt(random.below(3)) - 1n }));
      });
    } catch (error) {
      if (error instanceof KafkaError) return [];
      throw error;
    }
  });
}

/** A batch that was damaged; mostly with a length and a CRC that are right for it. */
export function damagedBatch(sound: readonly Uint8Array[], random: Random): Uint8Array {
  const source = pick(random, sound);
  let bytes = random.oneIn(6)
    ? Uint8Array.from(source)
    : mutated(source, sound, random, random.oneIn(8) ? 0 : BATCH_HEADER_BYTES);
  if (bytes.length < BATCH_HEADER_BYTES) return bytes;
  if (random.oneIn(3)) fieldSet(bytes, random);
  if (random.oneIn(20)) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setInt8(MAGIC_AT, random.oneIn(60) ? random.below(4) : 2);
  view.setInt32(
    BATCH_LENGTH_AT,
    bytes.length - BATCH_OVERHEAD_BYTES + (random.oneIn(40) ? random.below(5) - 2 : 0),
  );
  view.setUint32(CRC_AT, crc32c(bytes.subarray(ATTRIBUTES_AT)));
  if (random.oneIn(30)) bytes = bytes.slice(0, random.below(bytes.length));
  return bytes;
}

function fieldSet(bytes: Uint8Array, random: Random): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const small = random.below(50) - 2;
  switch (random.below(4)) {
    case 0:
      return view.setInt16(
        ATTRIBUTES_AT,
        random.oneIn(2) ? random.below(128) : view.getInt16(ATTRIBUTES_AT) ^ (1 << random.below(7)),
      );
    case 1:
      return view.setBigInt64(
        pick(random, INT64_FIELDS),
        random.oneIn(2) ? BigInt(small) : (1n << BigInt(random.below(64))) - 1n,
      );
    default:
      return view.setInt32(pick(random, INT32_FIELDS), random.oneIn(2) ? small : edge(random) | 0);
  }
}
