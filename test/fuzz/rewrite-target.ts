/** Judges compaction of damaged batches: what it writes is sound, and has as many records as were kept. */
import { LAST_OFFSET_DELTA_AT, RECORDS_COUNT_AT, RECORD_TIMES_BYTES } from "../../engine-as/format.ts";
import { GuardedMemory } from "../engine/guarded.ts";
import { loadExports } from "../engine/load.ts";
import type { Random } from "../engine/random.ts";
import { at, guarded, named } from "./batch-target.ts";
import { damagedBatch, soundBatches } from "./batches.ts";
import { Finding, type Target } from "./target.ts";

const ROOM_BYTES = 100_000;
const KEEP_BYTES_MAX = 1000;

export class RewriteTarget implements Target<Uint8Array> {
  private readonly sound = soundBatches(0x4e71);
  private readonly memory = new GuardedMemory(loadExports("release"), 1_000_000);

  draw(random: Random): Uint8Array {
    return damagedBatch(this.sound, random);
  }

  bytesOf(input: Uint8Array): Uint8Array {
    return input;
  }

  judge(input: Uint8Array, random: Random): string {
    const { memory } = this;
    const { exports } = memory;
    const size = guarded(memory, [input], (regions) =>
      exports.batchSize(at(regions, 0), input.length),
    ).answer;
    const batch = input.slice(0, size < 0 ? input.length : size);
    const count = batch.length < 61 ? 0 : new DataView(batch.buffer).getInt32(RECORDS_COUNT_AT);
    const keep = random.bytes(Math.min(Math.max(count + 7, 0) >>> 3, KEEP_BYTES_MAX));
    if (random.oneIn(4)) keep.fill(random.oneIn(2) ? 0 : 255);
    const room = random.oneIn(4) ? random.below(500) : ROOM_BYTES;
    const scratch = random.oneIn(4) ? random.below(1000) : 2 * ROOM_BYTES;
    const horizon = random.oneIn(3) ? BigInt(random.word()) * 1000n : -1n;
    const { answer, regions } = guarded(memory, [batch, keep, room, scratch], (given) =>
      exports.rewriteBatch(
        at(given, 0),
        batch.length,
        at(given, 1),
        at(given, 2),
        room,
        at(given, 3),
        scratch,
        horizon,
      ),
    );
    if (answer < 0) return named(answer);
    if (answer > room) throw new Finding(`${answer} bytes in a room of ${room}`);
    const bits = Array.from({ length: count }, (_, bit) => ((keep[bit >>> 3] ?? 0) >>> (bit & 7)) & 1);
    const kept = bits.reduce((sum, bit) => sum + bit, 0);
    const output = memory.bytes.slice(at(regions, 2), at(regions, 2) + answer);
    this.judgeOutput(batch, output, kept, count);
    return kept === count ? "all kept" : kept === 0 ? "none kept" : "some kept";
  }

  private judgeOutput(batch: Uint8Array, output: Uint8Array, kept: number, count: number): void {
    const { memory } = this;
    const { exports } = memory;
    const [before, after] = [new DataView(batch.buffer), new DataView(output.buffer)];
    if (after.getInt32(RECORDS_COUNT_AT) !== kept)
      throw new Finding(`${kept} were kept, and the header says another count`);
    if (after.getInt32(LAST_OFFSET_DELTA_AT) !== before.getInt32(LAST_OFFSET_DELTA_AT))
      throw new Finding("the last offset has changed");
    const checked = guarded(memory, [output], (given) =>
      exports.checkBatch(at(given, 0), output.length),
    ).answer;
    if (checked !== output.length)
      throw new Finding(`writes ${output.length} bytes, which check as ${checked}`);
    // All kept: the bytes stay, whatever their records are.
    if (kept === count) return;
    const deep = guarded(memory, [output, 3 * ROOM_BYTES, RECORD_TIMES_BYTES], (given) =>
      exports.checkRecords(at(given, 0), output.length, at(given, 1), 3 * ROOM_BYTES, at(given, 2)),
    ).answer;
    if (deep !== kept)
      throw new Finding(`${kept} were kept, and the check of what was written answers ${deep}`);
  }
}
