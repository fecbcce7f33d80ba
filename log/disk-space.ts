/**
 * Keeps a reserve on the disk: records are refused before the file system is full, because a write that fails in the middle
 * fences its partition until a restart, and because deleting what is old takes some room, too.
 *
 * | what is written               | refused below         |
 * | ----------------------------- | --------------------- |
 * | records                       | all of the reserve    |
 * | groups and their offsets      | half of it            |
 * | new topics and partitions     | a quarter of it       |
 * | what makes room, or is small  | a sixteenth of it     |
 *
 * The disk is asked on the node's tick; between two ticks the bytes that were written count. Where nobody can tell what there
 * is, nothing is refused.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Logger } from "./logger.ts";

/** Of the file system that the store is on, in bytes. */
export interface Space {
  readonly totalBytes: bigint;
  readonly usableBytes: bigint;
}

export interface DiskSpaceOptions {
  /** undefined: nobody can tell. */
  readonly ask: () => Promise<Space | undefined>;
  /** `log.dir.min.free.bytes`. */
  readonly reserveBytes: number;
  readonly log: Logger;
}

/** What of the reserve must be left, by what is written. */
const SHARES = { records: 1, groups: 1 / 2, topics: 1 / 4, upkeep: 1 / 16 } as const;
export type Purpose = keyof typeof SHARES;

/** The reserve is never more than this share of the file system, so that a small one can be used at all. */
const RESERVE_SHARE_MAX = 20n;
/** Records are taken again when there is so much more than the reserve: not one by one at its edge. */
const ROOM_AGAIN = 1.25;

export class DiskSpace {
  private readonly options: DiskSpaceOptions;
  private reserve = 0;
  /** Infinity: nobody can tell. */
  private free = Infinity;
  private isRefusing = false;

  constructor(options: DiskSpaceOptions) {
    this.options = options;
  }

  /** Whether records are refused. */
  get isShort(): boolean {
    return this.isRefusing;
  }

  /** What is left, about, and what has to be; undefined while nobody can tell. */
  get state(): { readonly freeBytes: number; readonly reserveBytes: number } | undefined {
    if (this.free === Infinity) return undefined;
    return { freeBytes: Math.max(0, this.free), reserveBytes: this.reserve };
  }

  /** Asks the disk. */
  async look(): Promise<void> {
    const space = this.options.reserveBytes > 0 ? await this.options.ask() : undefined;
    if (space === undefined) {
      this.free = Infinity;
    } else {
      const most = Number(space.totalBytes / RESERVE_SHARE_MAX);
      this.reserve = Math.min(this.options.reserveBytes, most);
      this.free = Number(space.usableBytes);
    }
    this.decide();
  }

  /** So much was taken to be written since. */
  took(bytes: number): void {
    this.free -= bytes;
    if (!this.isRefusing && this.free < this.reserve) this.decide();
  }

  /** Throws KafkaError KAFKA_STORAGE_ERROR, which clients try again, when there is no room for this any more. */
  check(purpose: Purpose): void {
    if (purpose === "records" ? !this.isRefusing : this.free >= this.reserve * SHARES[purpose]) return;
    throw new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `the disk of the data directory is nearly full: ${Math.max(0, this.free)} bytes are left, and ` +
        `log.dir.min.free.bytes keeps ${this.reserve} of them. Delete topics or records, let retention take more, or make ` +
        `room on the disk; then it goes on by itself`,
    );
  }

  private decide(): void {
    const least = this.isRefusing ? this.reserve * ROOM_AGAIN : this.reserve;
    const isShort = this.free < least;
    if (isShort === this.isRefusing) return;
    this.isRefusing = isShort;
    const { log } = this.options;
    const told = { freeBytes: this.free, reserveBytes: this.reserve };
    if (isShort) log.error("the disk is nearly full: records are refused until there is room again", told);
    else log.info("there is room on the disk again: records are taken", told);
  }
}
