import { open } from "node:fs/promises";
import type { Clock } from "../../log/clock.ts";

/** A file is looked at again after so many milliseconds, when somebody asks. */
const LOOK_MS = 1000;
const FILE_BYTES_MAX = 1024 * 1024;

/**
 * What a small file says, read again when it has changed. Rejects as long as it cannot be read or makes no sense: what it
 * said before is not gone by any more, since it may have been changed to shut somebody out.
 */
export class WatchedFile<T> {
  private readonly path: string;
  private readonly parse: (bytes: Uint8Array) => T;
  private readonly clock: Clock;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private seen = "";
  private said: Promise<T> | undefined;
  private looking: Promise<T> | undefined;

  constructor(path: string, parse: (bytes: Uint8Array) => T, clock: Clock) {
    this.path = path;
    this.parse = parse;
    this.clock = clock;
  }

  read(): Promise<T> {
    const sinceMs = this.clock.now() - this.lookedAtMs;
    if (this.said !== undefined && sinceMs >= 0 && sinceMs < LOOK_MS) return this.said;
    this.looking ??= this.look().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async look(): Promise<T> {
    this.lookedAtMs = this.clock.now();
    try {
      const file = await open(this.path, "r");
      try {
        const { mtimeMs, size, ino } = await file.stat();
        const now = `${mtimeMs} ${size} ${ino}`;
        if (this.said !== undefined && now === this.seen) return await this.said;
        if (size > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
        const said = this.parse(await file.readFile());
        this.said = Promise.resolve(said);
        this.seen = now;
        return said;
      } finally {
        await file.close();
      }
    } catch (error) {
      this.said = undefined;
      throw error;
    }
  }
}
