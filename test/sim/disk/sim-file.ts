/** A file's bytes twice: as processes read them, in the page cache, and as the disk holds them. */
import type { Process } from "../kernel/process.ts";
import type { Random } from "../kernel/random.ts";
import { ByteRanges } from "./byte-ranges.ts";

/** A disk writes whole sectors: of a write that was cut by power loss any of them may be there. */
export const SECTOR_BYTES = 512;

/** What a power loss has done to a file. */
export interface Damage {
  lostBytes: number;
  isTorn: boolean;
  truncationWasUndone: boolean;
}

export class SimFile {
  readonly kind = "file";
  /** Names that it has. */
  links = 0;
  /** Descriptors that are open on it. */
  opens = 0;
  size = 0;
  /** Whose life wrote to it last. */
  lastWriter: Process | undefined;
  private cache: Uint8Array = new Uint8Array(0);
  private disk: Uint8Array = new Uint8Array(0);
  /** The size that a power loss leaves at least. */
  private sureSize = 0;
  /** The size on the disk; beyond the sure one lies what a truncation that is not durable yet has cut off. */
  private diskSize = 0;
  /** Bytes in the cache that the next sync writes to the disk. */
  private readonly dirty = new ByteRanges();
  /** Bytes that a failed sync was to write: the system takes them for clean, and they never reach the disk. */
  private readonly unsaved = new ByteRanges();
  /** Whose sync it was. */
  private failedSyncOf: Process | undefined;
  /** How much of it was durable when, oldest first: what changes later is not at rest. */
  private readonly rests: { readonly atMs: number; size: number }[] = [];
  /** Bits that have flipped, by position. */
  private readonly flips = new Map<number, number>();

  /** Whether a power loss takes nothing of it. */
  get isDurable(): boolean {
    return (
      this.dirty.isEmpty && this.unsaved.isEmpty && this.sureSize === this.size && this.diskSize === this.size
    );
  }

  /** Whether a sync of this process's life has failed, and bytes that it was to write were never written again. */
  hasLostSyncOf(process: Process): boolean {
    return this.failedSyncOf === process && !this.unsaved.isEmpty;
  }

  read(into: Uint8Array, at: number, position: number, count: number): void {
    into.set(this.cache.subarray(position, position + count), at);
  }

  /** Puts the first `count` bytes of the pieces at `position`. */
  write(pieces: readonly Uint8Array[], position: number, count: number): void {
    const end = position + count;
    this.unflip(position, end);
    this.cache = grown(this.cache, end);
    let at = position;
    for (const piece of pieces) {
      const part = piece.subarray(0, end - at);
      this.cache.set(part, at);
      at += part.length;
    }
    this.dirty.add(Math.min(position, this.size), end);
    this.unsaved.remove(position, end);
    this.size = Math.max(this.size, end);
  }

  truncate(size: number): void {
    if (size > this.size) return this.write([new Uint8Array(size - this.size)], this.size, size - this.size);
    this.unflip(size, Infinity);
    this.cache.fill(0, size, this.size);
    this.dirty.remove(size, Infinity);
    this.unsaved.remove(size, Infinity);
    this.sureSize = Math.min(this.sureSize, size);
    this.size = size;
    for (const rest of this.rests) rest.size = Math.min(rest.size, size);
  }

  /** Makes durable what there is; `dataOnly` does not make durable that the file has become shorter. */
  sync(dataOnly: boolean, nowMs: number): void {
    this.rests.push({ atMs: nowMs, size: this.size });
    for (const [from, to] of this.dirty) this.toDisk(from, to);
    this.dirty.clear();
    this.sureSize = this.size;
    if (!dataOnly) this.disk.fill(0, this.size);
    this.diskSize = dataOnly ? Math.max(this.diskSize, this.size) : this.size;
  }

  /** A sync that fails: some of it may be on the disk, and nobody will write the rest. */
  failSync(process: Process | undefined, random: Random): void {
    const share = random.chance(0.5) ? 0 : random.next();
    for (const [from, to] of this.dirty) {
      for (const [start, end] of sectors(from, to)) {
        if (random.chance(share)) this.toDisk(start, end);
        else this.unsaved.add(start, end);
      }
    }
    this.dirty.clear();
    this.failedSyncOf = process;
  }

  /** The system needs the memory of clean pages: what never reached the disk is read from there now. */
  evict(): number {
    for (const [from, to] of this.unsaved) {
      this.cache.fill(0, from, to);
      this.cache.set(this.disk.subarray(from, Math.max(from, Math.min(to, this.sureSize))), from);
    }
    return this.unsaved.bytes;
  }

  losePower(random: Random, torn: number): Damage {
    const damage: Damage = { lostBytes: 0, isTorn: false, truncationWasUndone: false };
    this.opens = 0;
    if (this.isDurable) return damage;
    damage.lostBytes += this.unsaved.bytes;
    if (this.diskSize > this.sureSize && random.chance(0.5)) {
      damage.truncationWasUndone = true;
      damage.lostBytes += this.dirty.bytes;
      this.size = this.diskSize;
    } else if (random.chance(torn)) this.keepPieces(random, damage);
    else this.keepBeginning(random, damage);
    this.disk = grown(this.disk, this.size);
    this.disk.fill(0, this.size);
    this.cache = this.disk.slice();
    this.sureSize = this.size;
    this.diskSize = this.size;
    this.dirty.clear();
    this.unsaved.clear();
    this.failedSyncOf = undefined;
    return damage;
  }

  /** Flips one bit of what was durable at that time and still is; undefined when no byte was. */
  flip(random: Random, sinceMs: number): number | undefined {
    const later = this.rests.findIndex(({ atMs }) => atMs > sinceMs);
    const resting = later < 0 ? this.rests.at(-1) : this.rests[later - 1];
    const sure = Math.min(this.sureSize, this.size, resting?.size ?? 0);
    if (sure === 0) return undefined;
    const position = random.below(sure);
    if (this.dirty.has(position) || this.unsaved.has(position)) return undefined;
    const bit = 1 << random.below(8);
    this.flips.set(position, (this.flips.get(position) ?? 0) ^ bit);
    this.turn(position, bit);
    return position;
  }

  /** Turns all bits back that have flipped. Answers how many bytes that were. */
  mend(): number {
    const wrong = [...this.flips.values()].filter((bits) => bits !== 0).length;
    this.unflip(0, Infinity);
    return wrong;
  }

  /** Everything, some of it from the beginning, or nothing of what was not synced. */
  private keepBeginning(random: Random, damage: Damage): void {
    const from = Math.min(this.sureSize, ...[...this.dirty].map(([start]) => start));
    const to = random.pick([from, this.size, random.between(from, this.size)]);
    for (const [start, end] of this.dirty) {
      const kept = Math.min(end, to);
      if (start < kept) this.toDisk(start, kept);
      damage.lostBytes += end - Math.max(start, kept);
    }
    this.size = Math.max(to, this.sureSize);
  }

  /** Any sectors of what was not synced; where the others should be are zeros, or what was there before. */
  private keepPieces(random: Random, damage: Damage): void {
    const size = random.chance(0.5) ? this.size : random.between(this.sureSize, this.size);
    damage.isTorn = true;
    this.disk = grown(this.disk, size);
    for (const [from, to] of this.dirty) {
      for (const [start, end] of sectors(from, to)) {
        if (start < size && random.chance(0.5)) this.toDisk(start, end);
        else {
          damage.lostBytes += end - start;
          if (start >= this.sureSize && random.chance(0.7)) this.disk.fill(0, start, end);
        }
      }
    }
    this.size = size;
  }

  private toDisk(from: number, to: number): void {
    this.disk = grown(this.disk, to);
    this.disk.set(this.cache.subarray(from, to), from);
  }

  private turn(position: number, bits: number): void {
    this.cache[position] = (this.cache[position] ?? 0) ^ bits;
    this.disk[position] = (this.disk[position] ?? 0) ^ bits;
  }

  private unflip(from: number, to: number): void {
    for (const [position, bits] of this.flips) {
      if (position < from || position >= to) continue;
      this.turn(position, bits);
      this.flips.delete(position);
    }
  }
}

/** A range cut at the borders of sectors. */
function* sectors(from: number, to: number): Generator<[from: number, to: number]> {
  for (let at = from; at < to;) {
    const end = Math.min(to, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    yield [at, end];
    at = end;
  }
}

/** The same bytes with zeros after them, at least `size` in all; room for more, so that appends rarely copy. */
function grown(bytes: Uint8Array, size: number): Uint8Array {
  if (size <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(size, 2 * bytes.length, 256));
  larger.set(bytes);
  return larger;
}
