/**
 * The front of a partition: moves the log start up, for those who delete records and for retention, and removes the files of
 * the segments that are wholly before it.
 *
 * The new start is durable before a segment is taken out, and a segment is taken out before its files go; so a stop at any
 * moment leaves the log as it was or as it shall be, and what is left of the files goes with the next start. Reads that have
 * begun in a segment come to their end before its files are closed.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { LogSegments } from "./log-segments.ts";
import type { Logger } from "./logger.ts";
import { segmentFile } from "./partition-files.ts";
import { beyondSize, beyondTime, mayHoldExpired, type RetentionView } from "./retention.ts";
import { deleteFilesBefore } from "./segment-inventory.ts";
import type { Segment } from "./segment.ts";
import type { Store } from "./store.ts";

/** The partition that it belongs to. Its calls are made one after the other. */
export interface FrontHost {
  segments(): LogSegments;
  view(): RetentionView;
  /** Makes sure that a crash cannot take the log back to before its high watermark. */
  makeDurable(): Promise<void>;
  /** The log start is durable at its new place. */
  startMoved(): void;
  /** Begins a new segment; resolves when its file is there. */
  rollActive(): Promise<void>;
  /** Of a segment's records; -1: none has one. */
  greatestTimestamp(segment: Segment): Promise<bigint>;
  /** Resolves when all reads that have begun are over. */
  unread(): Promise<void>;
}

interface Files {
  readonly store: Store;
  readonly directory: string;
  readonly log: Logger;
}

/** Segments that are no longer in the log, and whose files are still there. */
interface Dropped {
  readonly segments: readonly Segment[];
  /** Where the first segment began that stayed. */
  readonly before: bigint;
  readonly dueMs: number;
}

export class LogFront {
  private readonly files: Files;
  private readonly host: FrontHost;
  /** Oldest first. */
  private dropped: readonly Dropped[] = [];

  constructor(files: Files, host: FrontHost) {
    this.files = files;
    this.host = host;
  }

  /** Whether `enforce` may find anything to do. */
  get hasExpired(): boolean {
    return this.host.segments().hasDeleted || mayHoldExpired(this.host.view());
  }

  /** When the next files are to go; undefined: there are none. */
  get dueMs(): number | undefined {
    return this.dropped.length === 0 ? undefined : Math.min(...this.dropped.map(({ dueMs }) => dueMs));
  }

  /**
   * Moves the log start up to `offset`, durably, and removes what is wholly before it at once. Throws KafkaError
   * KAFKA_STORAGE_ERROR when the start could not be recorded: then it stays where it was.
   */
  async moveTo(offset: bigint): Promise<void> {
    await this.record(offset);
    this.drop(-Infinity);
    await this.removeFiles(-Infinity);
  }

  /** Takes out what retention does not keep. Throws as `moveTo`. */
  async enforce(): Promise<void> {
    const view = this.host.view();
    const { segments, nowMs, config } = view;
    const bySize = beyondSize(view);
    const byTime = await beyondTime(view, (segment) => this.host.greatestTimestamp(segment));
    const count = await this.rolled(view, Math.max(bySize, byTime));
    const start = this.host.segments().all[count]?.baseOffset ?? 0n;
    const { logStart, isStartDurable } = this.host.segments();
    if (count > 0 && start > logStart) {
      await this.record(start);
      const bytes = segments.slice(0, count).reduce((sum, segment) => sum + segment.bytes, 0);
      const reason = byTime >= bySize ? "retention.ms" : "retention.bytes";
      this.files.log.info(
        `${this.files.directory} begins at offset ${start} now: ${reason} has removed ${count} segments`,
        { partition: this.files.directory, from: logStart, to: start, bytes },
      );
    } else if (!isStartDurable) await this.record(logStart);
    this.drop(nowMs + config.fileDeleteDelayMs);
  }

  /** Removes the files that are due at `nowMs`. What cannot be removed is left to the next start. */
  async removeFiles(nowMs: number): Promise<void> {
    const due = this.dropped.filter(({ dueMs }) => dueMs <= nowMs);
    const last = due.at(-1);
    if (last === undefined) return;
    // A file goes with all that are before it.
    const gone = this.dropped.slice(0, this.dropped.indexOf(last) + 1);
    this.dropped = this.dropped.slice(gone.length);
    await this.host.unread();
    try {
      for (const { file } of gone.flatMap(({ segments }) => segments)) await file?.close();
      await deleteFilesBefore(this.files.store, this.files.directory, last.before);
    } catch (error) {
      // The records are deleted all the same; the next start removes what is left of them.
      this.files.log.warn(`files of deleted records of ${this.files.directory} are left: ${String(error)}`);
    }
  }

  /** Closes files that are not to be removed by this process. */
  async close(): Promise<void> {
    for (const { file } of this.dropped.flatMap(({ segments }) => segments)) await file?.close();
    this.dropped = [];
  }

  /** How many of the first `count` segments can go: the one that is written to only when it is not any more. */
  private async rolled({ segments, end }: RetentionView, count: number): Promise<number> {
    if (count < segments.length) return count;
    const now = this.host.view();
    const isSame = now.end === end && now.segments.length === segments.length;
    if (!isSame) return count - 1;
    await this.host.rollActive();
    return count;
  }

  private async record(offset: bigint): Promise<void> {
    await this.host.makeDurable();
    const segments = this.host.segments();
    try {
      await segments.startAt(offset).catch(() => this.startWithLess(segments, offset));
    } catch (error) {
      throw new KafkaError(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `the log start of ${this.files.directory} cannot be written (${String(error)}): free or repair the disk, and try ` +
          `again`,
        { cause: error },
      );
    }
    this.host.startMoved();
  }

  /** On a full disk: indexes of segments that are to go make room for the new start. They can be built again. */
  private async startWithLess(segments: LogSegments, offset: bigint): Promise<void> {
    const { store, directory } = this.files;
    const going = segments.all.filter((_, at) => (segments.all[at + 1]?.baseOffset ?? offset + 1n) <= offset);
    await store.delete(
      going.flatMap(({ baseOffset }) => [
        segmentFile(directory, baseOffset, "index"),
        segmentFile(directory, baseOffset, "timeindex"),
      ]),
    );
    await segments.startAt(offset);
  }

  private drop(dueMs: number): void {
    const segments = this.host.segments().dropBeforeStart();
    const before = this.host.segments().all[0]?.baseOffset;
    if (segments.length > 0 && before !== undefined)
      this.dropped = [...this.dropped, { segments, before, dueMs }];
  }
}
