/** Judges scans of damaged segments: the same in any pieces, and never beyond what is sound. */
import {
  BASE_OFFSET_AT,
  OFFSET_INDEX_ENTRY_BYTES,
  SCANNED_BYTES,
  SCANNED_POSITION_AT,
  SCANNED_SIZE_AT,
  SCAN_BASE_OFFSET_AT,
  SCAN_BATCHES_AT,
  SCAN_BATCH_BYTES_MAX_AT,
  SCAN_CONSUMED_AT,
  SCAN_INTERVAL_AT,
  SCAN_MAX_TIMESTAMP_AT,
  SCAN_NEXT_OFFSET_AT,
  SCAN_OFFSET_ENTRIES_AT,
  SCAN_STATE_BYTES,
  SCAN_TIME_ENTRIES_AT,
  SCAN_TIME_ENTRY_AT,
  SCAN_WANTED_AT,
  TIME_INDEX_ENTRY_BYTES,
} from "../../engine-as/format.ts";
import { OK, TORN } from "../../engine-as/status.ts";
import { BatchHeader } from "../../log/batch.ts";
import { GuardedMemory } from "../engine/guarded.ts";
import { loadExports } from "../engine/load.ts";
import { concat } from "../engine/lz4-reference.ts";
import type { Random } from "../engine/random.ts";
import { at, guarded, named } from "./batch-target.ts";
import { damagedBatch, soundBatches } from "./batches.ts";
import { mutated, pick } from "./mutate.ts";
import { Finding, type Target } from "./target.ts";

const BASE_OFFSET = 1000n;
const INTERVAL = 300;
const BATCH_BYTES_MAX = 3000;

interface Scanned {
  readonly status: number;
  readonly valid: number;
  readonly batches: Buffer;
  readonly offsets: Buffer;
  readonly times: Buffer;
}

export class ScanTarget implements Target<Uint8Array> {
  private readonly sound = soundBatches(0x5ca4);
  private readonly memory = new GuardedMemory(loadExports("release"), 1_000_000);

  draw(random: Random): Uint8Array {
    let offset = BASE_OFFSET;
    const pieces = Array.from({ length: 1 + random.below(8) }, () => {
      const batch = random.oneIn(8) ? damagedBatch(this.sound, random) : pick(random, this.sound).slice();
      if (batch.length < 61) return batch;
      const header = new BatchHeader(batch);
      header.stamp(offset, random.below(5));
      offset += BigInt(Math.max(header.lastOffsetDelta, 0) + 1 + (random.oneIn(6) ? random.below(9) : 0));
      return batch;
    });
    const segment = concat(...pieces);
    if (random.oneIn(3)) return mutated(segment, this.sound, random);
    if (random.oneIn(4) && segment.length > 8)
      new DataView(segment.buffer).setBigInt64(
        BASE_OFFSET_AT,
        BASE_OFFSET + BigInt(random.below(2 ** 31)) * 3n,
      );
    return segment;
  }

  bytesOf(input: Uint8Array): Uint8Array {
    return input;
  }

  judge(input: Uint8Array, random: Random): string {
    const whole = this.scan(input, 64, () => input.length);
    const pieces = this.scan(input, 1 + random.below(4), () => 1 + random.below(random.oneIn(2) ? 40 : 900));
    for (const part of ["status", "valid"] as const) {
      if (whole[part] !== pieces[part])
        throw new Finding(`${part} is ${whole[part]}, and ${pieces[part]} when it comes in pieces`);
    }
    for (const part of ["batches", "offsets", "times"] as const) {
      if (Buffer.compare(whole[part], pieces[part]) !== 0)
        throw new Finding(`${part} differ when it comes in pieces`);
    }
    this.judgeBatches(input, whole);
    return `${named(whole.status)}, ${whole.valid === 0 ? "nothing" : "something"} before`;
  }

  /** Every batch that was passed is sound, and they join. */
  private judgeBatches(input: Uint8Array, { batches, valid }: Scanned): void {
    let position = 0;
    for (let entry = 0; entry < batches.length; entry += SCANNED_BYTES) {
      const size = batches.readInt32LE(entry + SCANNED_SIZE_AT);
      if (batches.readUInt32LE(entry + SCANNED_POSITION_AT) !== position)
        throw new Finding("batches do not join");
      const batch = input.slice(position, position + size);
      const { answer } = guarded(this.memory, [batch], (regions) =>
        this.memory.exports.checkBatch(at(regions, 0), batch.length),
      );
      if (answer !== size) throw new Finding(`passed a batch that checks as ${answer}`);
      position += size;
    }
    if (position !== valid) throw new Finding(`${valid} bytes are valid, and batches end at ${position}`);
  }

  /** Feeds a segment as a host does: unfinished batches again, from their start, with more. */
  private scan(input: Uint8Array, batchesMax: number, pieceBytes: () => number): Scanned {
    const { memory } = this;
    const found = { batches: [] as Buffer[], offsets: [] as Buffer[], times: [] as Buffer[] };
    const start = new DataView(new ArrayBuffer(SCAN_STATE_BYTES));
    start.setBigInt64(SCAN_BASE_OFFSET_AT, BASE_OFFSET, true);
    start.setBigInt64(SCAN_NEXT_OFFSET_AT, BASE_OFFSET, true);
    start.setBigInt64(SCAN_MAX_TIMESTAMP_AT, -1n, true);
    start.setBigInt64(SCAN_TIME_ENTRY_AT, -1n, true);
    start.setInt32(SCAN_INTERVAL_AT, INTERVAL, true);
    start.setInt32(SCAN_BATCH_BYTES_MAX_AT, BATCH_BYTES_MAX, true);
    let state = new Uint8Array(start.buffer);
    let valid = 0;
    let status: number = OK;
    let length = pieceBytes();
    for (;;) {
      const piece = input.slice(valid, valid + length);
      const isLast = valid + piece.length === input.length;
      const inputs = [
        piece,
        batchesMax * SCANNED_BYTES,
        batchesMax * OFFSET_INDEX_ENTRY_BYTES,
        batchesMax * TIME_INDEX_ENTRY_BYTES,
      ];
      // The state is read and written: a room that is filled before the call.
      const { answer, regions } = guarded(memory, [SCAN_STATE_BYTES, ...inputs], (given) => {
        memory.bytes.set(state, at(given, 0));
        return memory.exports.scanSegment(
          at(given, 0),
          at(given, 1),
          piece.length,
          at(given, 2),
          batchesMax,
          at(given, 3),
          at(given, 4),
        );
      });
      status = answer;
      const take = (index: number, bytes: number): Buffer =>
        Buffer.from(memory.bytes.slice(at(regions, index), at(regions, index) + bytes));
      const told = take(0, SCAN_STATE_BYTES);
      const consumed = told.readUInt32LE(SCAN_CONSUMED_AT);
      found.batches.push(take(2, told.readInt32LE(SCAN_BATCHES_AT) * SCANNED_BYTES));
      found.offsets.push(take(3, told.readInt32LE(SCAN_OFFSET_ENTRIES_AT) * OFFSET_INDEX_ENTRY_BYTES));
      found.times.push(take(4, told.readInt32LE(SCAN_TIME_ENTRIES_AT) * TIME_INDEX_ENTRY_BYTES));
      state = Uint8Array.from(told);
      valid += consumed;
      if (consumed > piece.length) throw new Finding(`consumed ${consumed} bytes of ${piece.length}`);
      if (answer !== OK && answer !== TORN) break;
      if (valid === input.length || (answer === TORN && isLast)) break;
      length = Math.max(pieceBytes(), answer === TORN ? told.readUInt32LE(SCAN_WANTED_AT) : 0);
    }
    const { batches, offsets, times } = found;
    return {
      status,
      valid,
      batches: Buffer.concat(batches),
      offsets: Buffer.concat(offsets),
      times: Buffer.concat(times),
    };
  }
}
