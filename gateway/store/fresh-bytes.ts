/**
 * Which bytes of a file this process wrote a moment ago, so that the system has them in its memory. What was written longer
 * ago the system may have dropped, and a read of it has to wait for the disk.
 */

/** What is fresh begins anew with the first write after so long; bytes stay fresh for twice as long at most. */
const FRESH_MS = 5000;

export class FreshBytes {
  /** Bytes from here on were written since `sinceMs`. */
  private from = Infinity;
  private sinceMs = -Infinity;

  /** A write at `position` begins: the end of the file. */
  wrote(position: number, nowMs: number): void {
    if (this.isRecent(nowMs, FRESH_MS)) return;
    this.from = position;
    this.sinceMs = nowMs;
  }

  /** The file was cut to `size` bytes; what comes after them is written anew. */
  cut(size: number): void {
    this.from = Math.min(this.from, size);
  }

  /** Whether all bytes from `position` on are fresh. */
  has(position: number, nowMs: number): boolean {
    return position >= this.from && this.isRecent(nowMs, 2 * FRESH_MS);
  }

  /** A clock that was set back makes nothing fresh. */
  private isRecent(nowMs: number, forMs: number): boolean {
    return nowMs >= this.sinceMs && nowMs - this.sinceMs < forMs;
  }
}
