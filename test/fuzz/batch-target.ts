/** Judges what is made of damaged batches: their size, their check, their records, each in guarded memory. */
import {
  ATTRIBUTES_AT,
  CODEC_MASK,
  DESCRIPTOR_BYTES,
  LAST_OFFSET_DELTA_AT,
  RECORDS_AT,
  RECORDS_COUNT_AT,
  RECORD_TIMES_BYTES,
} from "../../engine-as/format.ts";
import * as status from "../../engine-as/status.ts";
import { GuardedMemory, type Region } from "../engine/guarded.ts";
import { loadExports } from "../engine/load.ts";
import type { Random } from "../engine/random.ts";
import { judgeRecords, type Verdict } from "../engine/records-reference.ts";
import { damagedBatch, soundBatches } from "./batches.ts";
import { Finding, type Target } from "./target.ts";

const SCRATCH_BYTES = 100_000;
const MEMORY_BYTES = 1_000_000;
const NAMES = new Map(Object.entries(status).map(([name, code]) => [code, name]));
const VERDICTS: Readonly<Record<Verdict, number>> = {
  sound: 0,
  "bad records": status.BAD_RECORDS,
  "bad offset": status.BAD_OFFSET,
};

/** The name of an answer. */
export function named(answer: number): string {
  const name = answer >= 0 ? "sound" : NAMES.get(answer);
  if (name === undefined) throw new Finding(`answers ${answer}`);
  return name;
}

/** Lays out what a call gets, calls, and looks that nothing else was written. */
export function guarded(
  memory: GuardedMemory,
  inputs: readonly (Uint8Array | number)[],
  call: (regions: readonly Region[]) => number,
): { answer: number; regions: readonly Region[] } {
  const regions = memory.lay(...inputs);
  const answer = call(regions);
  if (!memory.isUntouched(regions, inputs)) throw new Finding("wrote outside");
  return { answer, regions };
}

export function at(regions: readonly Region[], index: number): number {
  return regions[index]?.at ?? 0;
}

export class BatchTarget implements Target<Uint8Array> {
  private readonly sound = soundBatches(0xba7c);
  private readonly memory = new GuardedMemory(loadExports("release"), MEMORY_BYTES);
  private readonly others = (["plain", "debug"] as const).map((kind) => ({
    kind,
    memory: new GuardedMemory(loadExports(kind), MEMORY_BYTES),
  }));

  draw(random: Random): Uint8Array {
    return damagedBatch(this.sound, random);
  }

  bytesOf(input: Uint8Array): Uint8Array {
    return input;
  }

  judge(input: Uint8Array, random: Random): string {
    const room = random.oneIn(4) ? random.below(2000) : SCRATCH_BYTES;
    const outcome = this.check(this.memory, input, room);
    for (const { kind, memory } of this.others) {
      if (random.oneIn(8) && this.check(memory, input, room) !== outcome)
        throw new Finding(`the ${kind} build answers something else`);
    }
    return outcome;
  }

  private check(memory: GuardedMemory, input: Uint8Array, room: number): string {
    const { exports } = memory;
    const size = guarded(memory, [input], (regions) =>
      exports.batchSize(at(regions, 0), input.length),
    ).answer;
    const checked = guarded(memory, [input], (regions) =>
      exports.checkBatch(at(regions, 0), input.length),
    ).answer;
    if (checked >= 0 && (checked !== size || checked > input.length))
      throw new Finding(`a batch of ${size} bytes checks as ${checked}`);
    if (checked < 0) return `batch: ${named(checked)}`;

    const batch = input.slice(0, checked);
    const view = new DataView(batch.buffer);
    const count = view.getInt32(RECORDS_COUNT_AT);
    const deep = guarded(memory, [batch, room, RECORD_TIMES_BYTES], (regions) =>
      exports.checkRecords(at(regions, 0), checked, at(regions, 1), room, at(regions, 2)),
    ).answer;
    if (deep > 0 && deep !== count) throw new Finding(`${deep} records of ${count}`);
    const isPlain = (view.getInt16(ATTRIBUTES_AT) & CODEC_MASK) === 0;
    if (isPlain) this.read(memory, batch, count, view.getInt32(LAST_OFFSET_DELTA_AT), deep);
    return `records${isPlain ? "" : " in a codec"}: ${named(deep)}`;
  }

  /** The reader finds what the check has found, and both what the grammar says. */
  private read(
    memory: GuardedMemory,
    batch: Uint8Array,
    count: number,
    lastDelta: number,
    deep: number,
  ): void {
    const records = batch.slice(RECORDS_AT);
    const { verdict } = judgeRecords(records, count, lastDelta);
    if (Math.min(deep, 0) !== VERDICTS[verdict])
      throw new Finding(`${verdict}, and the check answers ${deep}`);
    if (count * DESCRIPTOR_BYTES > MEMORY_BYTES / 2) return;
    const { exports } = memory;
    const position = guarded(memory, [records, count * DESCRIPTOR_BYTES], (regions) =>
      exports.readRecords(at(regions, 0), records.length, 0, count, -1, lastDelta, at(regions, 1)),
    ).answer;
    const isSound = position === records.length;
    if (isSound !== (verdict === "sound"))
      throw new Finding(`${verdict}, and the reader answers ${position}`);
    named(position);
  }
}
