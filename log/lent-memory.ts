/**
 * Memory that is filled again when it is given back: by reads of the log, by the requests of clients. V8 collects the whole
 * heap for about every 64 MB of ArrayBuffers that are made, and fresh pages have to be faulted in. What is never given back
 * is the garbage collector's.
 */

/** Larger pieces are rare. */
const KEPT_SIZE_MAX = 4 * 1024 * 1024;

export interface LentMemoryOptions {
  /** New memory, shared with nobody. */
  allocate: (length: number) => Uint8Array;
  /** Pieces of fewer bytes cost next to nothing, and are made anew. */
  sizeMin: number;
  /** Bytes that are kept for later. */
  keptBytesMax: number;
}

export class LentMemory {
  private readonly options: LentMemoryOptions;
  /** By their size, a power of two: the one that was asked for longest ago first. */
  private readonly kept = new Map<number, Uint8Array[]>();
  private keptBytes = 0;
  /** Who gives back what is not in here gives back what others have: it is not taken. */
  private readonly lent = new WeakMap<ArrayBufferLike, Uint8Array>();

  constructor(options: LentMemoryOptions) {
    this.options = options;
  }

  /** So many bytes, of which anything may be the contents, and which nobody else has. */
  take(length: number): Uint8Array {
    const { allocate, sizeMin } = this.options;
    if (length < sizeMin || length > KEPT_SIZE_MAX) return allocate(length);
    const size = 2 ** Math.ceil(Math.log2(length));
    const same = this.kept.get(size) ?? [];
    this.kept.delete(size);
    this.kept.set(size, same);
    const again = same.pop();
    if (again !== undefined) this.keptBytes -= size;
    const whole = again ?? allocate(size);
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
    const { keptBytesMax } = this.options;
    for (const [otherSize, others] of this.kept) {
      if (otherSize === size) continue;
      while (this.keptBytes + size > keptBytesMax && others.pop() !== undefined) this.keptBytes -= otherSize;
    }
    return this.keptBytes + size <= keptBytesMax;
  }
}
