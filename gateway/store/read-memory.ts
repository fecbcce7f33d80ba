/**
 * Memory that reads fill. What a reader gives back is filled again: V8 collects the whole heap for about every 64 MB of
 * ArrayBuffers that are made, and fresh pages have to be faulted in. What is never given back is the garbage collector's.
 */
import type { FileSystem } from "./file-system.ts";

/** Reads of fewer bytes cost next to nothing, and those of more are rare. */
const KEPT_SIZE_MIN = 64 * 1024;
const KEPT_SIZE_MAX = 4 * 1024 * 1024;
/** Bytes that are kept for later: what two consumers of sixteen partitions with Kafka's defaults have under way. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

export class ReadMemory {
  private readonly files: FileSystem;
  /** By their size, a power of two: the one that was asked for longest ago first. */
  private readonly kept = new Map<number, Uint8Array[]>();
  private keptBytes = 0;
  /** Who gives back what is not in here gives back what others have: it is not taken. */
  private readonly lent = new WeakMap<ArrayBufferLike, Uint8Array>();

  constructor(files: FileSystem) {
    this.files = files;
  }

  /** So many bytes, of which anything may be the contents, and which nobody else has. */
  take(length: number): Uint8Array {
    if (length < KEPT_SIZE_MIN || length > KEPT_SIZE_MAX) return this.files.allocate(length);
    const size = 2 ** Math.ceil(Math.log2(length));
    const same = this.kept.get(size) ?? [];
    this.kept.delete(size);
    this.kept.set(size, same);
    const again = same.pop();
    if (again !== undefined) this.keptBytes -= size;
    const whole = again ?? this.files.allocate(size);
    this.lent.set(whole.buffer, whole);
    return whole.subarray(0, length);
  }

  /** What `take` gave, or a part of it, at which nobody looks any more. Anything else is let be. */
  giveBack(bytes: Uint8Array): void {
    const whole = this.lent.get(bytes.buffer);
    if (whole === undefined) return;
    this.lent.delete(bytes.buffer);
    const size = whole.length;
    if (!this.hasRoom(size)) return;
    this.keptBytes += size;
    this.kept.get(size)?.push(whole);
  }

  /** Whether one more of this size may be kept: other sizes, of which nothing may be asked for any more, make room for it. */
  private hasRoom(size: number): boolean {
    for (const [otherSize, others] of this.kept) {
      if (otherSize === size) continue;
      while (this.keptBytes + size > KEPT_BYTES_MAX && others.pop() !== undefined)
        this.keptBytes -= otherSize;
    }
    return this.keptBytes + size <= KEPT_BYTES_MAX;
  }
}
