/**
 * Up to where a partition reads what was written to it. That is its high watermark, unless written counts as synced (a lazy
 * flush) and a sync has failed: then the system may have dropped what came after the last sync that did not fail, and may
 * hand out anything for it. After a restart recovery tells what is there.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { LogSegments } from "./log-segments.ts";
import type { FoundRecord } from "./segment-reader.ts";
import type { Segment } from "./segment.ts";

export class SoundEnd {
  private readonly directory: string;
  /** Where the last sync has come to: the segment that was written to, its bytes, and the offset after them. */
  private segment: Segment;
  private bytes: number;
  private offset: bigint;
  /** From this offset on it is in doubt what is there. */
  private doubtedFrom: bigint | undefined;

  /** All that opening a log finds is synced by then. */
  constructor(directory: string, { active, end }: LogSegments) {
    this.directory = directory;
    this.segment = active;
    this.bytes = active.bytes;
    this.offset = end;
  }

  synced(segment: Segment, bytes: number, offset: bigint): void {
    this.segment = segment;
    this.bytes = bytes;
    this.offset = offset;
  }

  /** Nothing is read any more that was written since the last sync. */
  syncFailed(segments: readonly Segment[], highWatermark: bigint): void {
    if (this.offset >= highWatermark) return;
    this.doubtedFrom = this.offset;
    for (const segment of segments) {
      const isLater = segment !== this.segment && segment.baseOffset >= this.offset;
      const sound = segment === this.segment ? this.bytes : isLater ? 0 : segment.readableBytes;
      segment.readableBytes = Math.min(segment.readableBytes, sound);
    }
  }

  /** What is readable ends here. */
  before(highWatermark: bigint): bigint {
    return this.doubtedFrom ?? highWatermark;
  }

  /** Throws KafkaError KAFKA_STORAGE_ERROR when it is in doubt what is at `offset`. */
  check(offset: bigint): void {
    if (this.doubtedFrom !== undefined && offset >= this.doubtedFrom) throw this.error(this.doubtedFrom);
  }

  /** A record that was looked for; where there is none, one of those in doubt may be it. Throws as `check`. */
  checkFound(found: FoundRecord | undefined): FoundRecord | undefined {
    if (found === undefined) this.checkAll();
    else this.check(found.offset);
    return found;
  }

  /** Throws as `check` when anything is in doubt. */
  checkAll(): void {
    if (this.doubtedFrom !== undefined) throw this.error(this.doubtedFrom);
  }

  private error(from: bigint): KafkaError {
    return new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `${this.directory} cannot be read from offset ${from} on, where a sync has failed: free or repair the disk, then ` +
        `restart the node`,
    );
  }
}
