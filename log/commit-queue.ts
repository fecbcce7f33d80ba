/**
 * Group commit of one partition. What is appended in one tick becomes one write; what is appended while a write is in
 * flight, the next one. One sync is in flight at a time, and what was written meanwhile joins the next.
 *
 *     add ──► waiting ──write──► unsynced ──sync──► synced
 *
 * A failed write or sync ends the queue for good: a failed sync is never tried again, because the kernel may have dropped
 * the pages it could not write and would report success the second time.
 */
import type { Clock } from "./clock.ts";
import type { LazyFlush } from "./partition-config.ts";
import { Deferred } from "./deferred.ts";
import type { Segment } from "./segment.ts";

/** Batches that are written together. */
export interface Group {
  readonly segment: Segment;
  readonly pieces: Uint8Array[];
  /** The offset after the last of them. */
  to: bigint;
  /** Bytes of the segment when they are in it, and the offset after its last batch then: `to`, if no hole follows. */
  segmentBytes: number;
  segmentEnd: bigint;
  /** Greatest timestamp of their records; -1n: none has one. */
  maxTimestamp: bigint;
  records: number;
  /** They count as synced: readers have them. */
  counts: boolean;
  readonly written: Deferred;
  /** Resolved when they count as synced: with a lazy flush, when they are written. */
  readonly synced: Deferred;
}

/** The partition that a queue belongs to. */
export interface CommitHost {
  /** undefined: nothing counts as synced before it is. */
  lazyFlush(): LazyFlush | undefined;
  /** Everything before `next` is synced: close the segment before it, and create its file. */
  roll(next: Segment): Promise<void>;
  /** The groups count as synced from now on. Called before their promises resolve. */
  advanced(groups: readonly Group[]): void;
  /** All batches up to the end of `last` have been synced. */
  synced(last: Group): void;
  /** A sync has failed: nobody knows of what was written since the last one whether it is still there. `failed` follows. */
  syncFailed(): void;
  /** Answers what callers are told. */
  failed(error: Error): Error;
}

export interface Appended {
  segment: Segment;
  bytes: Uint8Array;
  /** The offset after it. */
  to: bigint;
  maxTimestamp: bigint;
  records: number;
}

export class CommitQueue {
  private readonly clock: Clock;
  private readonly host: CommitHost;
  private waiting: Group[] = [];
  private beingWritten: Group | undefined;
  private unsynced: Group[] = [];
  private beingSynced: Group[] = [];
  private failure: Error | undefined;
  private isDeferred = false;
  private isWriting = false;
  private isSyncing = false;
  /** A sync fell due while one was in flight. */
  private isSyncDue = false;
  private writing: Promise<void> = Promise.resolve();
  private syncing: Promise<void> = Promise.resolve();
  private unsyncedRecords = 0n;
  private cancelFlush: (() => void) | undefined;
  private waitingBytes = 0;

  constructor(clock: Clock, host: CommitHost) {
    this.clock = clock;
    this.host = host;
  }

  /** Bytes that were added and are not written yet. */
  get pendingBytes(): number {
    return this.waitingBytes;
  }

  /** Queues bytes that end the log at `to`, and answers the group that they are written in. */
  add({ segment, bytes, to, maxTimestamp, records }: Appended): Group {
    let group = this.waiting.at(-1);
    if (group?.segment !== segment) {
      const [written, synced] = [new Deferred(), new Deferred()];
      group = {
        segment,
        pieces: [],
        to,
        segmentBytes: 0,
        segmentEnd: 0n,
        maxTimestamp,
        records: 0,
        counts: false,
        written,
        synced,
      };
      // Most wait for one of the two, or for neither; who asks hears of a failure all the same.
      written.promise.catch(ignored);
      synced.promise.catch(ignored);
      this.waiting.push(group);
    }
    if (bytes.length > 0) group.pieces.push(bytes);
    group.to = to;
    group.segmentBytes = segment.bytes;
    group.segmentEnd = segment.endOffset;
    group.records += records;
    if (maxTimestamp > group.maxTimestamp) group.maxTimestamp = maxTimestamp;
    this.waitingBytes += bytes.length;
    this.writeSoon();
    return group;
  }

  /** The group that holds `offset`, or undefined when it counts as synced already. */
  groupOf(offset: bigint): Group | undefined {
    const current = this.beingWritten === undefined ? [] : [this.beingWritten];
    const groups = [...this.beingSynced, ...this.unsynced, ...current, ...this.waiting];
    return groups.find((group) => group.to > offset);
  }

  /** Resolves when everything added so far is written and synced; throws what ended the queue. */
  async drain(): Promise<void> {
    while (this.failure === undefined && (this.waiting.length > 0 || this.isWriting)) {
      this.startWriting();
      await this.writing;
    }
    await this.syncAll();
    if (this.failure !== undefined) throw this.failure;
  }

  /** `lazyFlush` says something else from now on. It counts at once, also for what is written already. */
  flushChanged(): void {
    if (this.failure !== undefined) return;
    this.cancelFlush?.();
    this.cancelFlush = undefined;
    const lazyFlush = this.host.lazyFlush();
    if (lazyFlush === undefined) return this.startSyncing();
    this.countWritten();
    if (this.unsynced.length > 0) this.flushLater(lazyFlush);
  }

  /** Whether something counts as synced that is not. */
  get isAhead(): boolean {
    return [...this.beingSynced, ...this.unsynced].some(({ counts }) => counts);
  }

  /** Takes nothing more, and rejects what is not done. */
  fail(cause: Error): void {
    if (this.failure !== undefined) return;
    const error = this.host.failed(cause);
    this.failure = error;
    this.cancelFlush?.();
    const current = this.beingWritten === undefined ? [] : [this.beingWritten];
    for (const group of [...this.beingSynced, ...this.unsynced, ...current, ...this.waiting]) {
      group.written.reject(error);
      group.synced.reject(error);
    }
    this.waiting = [];
    this.unsynced = [];
    this.waitingBytes = 0;
  }

  /** Resolves when no write and no sync is in flight, whatever became of them. */
  async settled(): Promise<void> {
    while (this.isWriting || this.isSyncing) await Promise.all([this.writing, this.syncing]);
  }

  private writeSoon(): void {
    if (this.isDeferred || this.isWriting) return;
    this.isDeferred = true;
    this.clock.defer(() => {
      this.isDeferred = false;
      this.startWriting();
    });
  }

  private startWriting(): void {
    if (!this.isWriting && this.failure === undefined) this.writing = this.write();
  }

  private async write(): Promise<void> {
    this.isWriting = true;
    try {
      for (
        let group = this.waiting[0];
        group !== undefined && this.failure === undefined;
        group = this.waiting[0]
      ) {
        if (group.segment.file === undefined) {
          await this.syncAll();
          if (this.failure !== undefined) break;
          await this.host.roll(group.segment);
        }
        await this.writeGroup(group);
      }
    } catch (error) {
      this.fail(asError(error));
    }
    this.beingWritten = undefined;
    this.isWriting = false;
  }

  private async writeGroup(group: Group): Promise<void> {
    if (this.failure !== undefined) return;
    this.waiting.shift();
    this.beingWritten = group;
    await group.segment.file?.append(group.pieces);
    this.beingWritten = undefined;
    if (this.failure !== undefined) return;
    for (const piece of group.pieces) this.waitingBytes -= piece.length;
    this.unsynced.push(group);
    this.unsyncedRecords += BigInt(group.records);
    const lazyFlush = this.host.lazyFlush();
    group.written.resolve();
    if (lazyFlush === undefined) return this.startSyncing();
    this.countWritten();
    this.flushLater(lazyFlush);
  }

  /** All that is written counts as synced. */
  private countWritten(): void {
    this.count([...this.beingSynced, ...this.unsynced]);
    const last = this.unsynced.at(-1);
    // They need neither their bytes nor a place each any more: the sync to come covers them all.
    if (last !== undefined) this.unsynced = [{ ...last, pieces: [] }];
  }

  private count(groups: readonly Group[]): void {
    const news = groups.filter(({ counts }) => !counts);
    if (news.length > 0) this.host.advanced(news);
    for (const group of news) {
      group.counts = true;
      group.synced.resolve();
    }
  }

  private flushLater({ records, ms }: LazyFlush): void {
    if (this.unsyncedRecords >= records) return this.startSyncing();
    if (this.cancelFlush !== undefined || ms >= TIMER_MS_MAX) return;
    this.cancelFlush = this.clock.setTimer(Number(ms), () => {
      this.cancelFlush = undefined;
      this.startSyncing();
    });
  }

  private startSyncing(): void {
    if (this.isSyncing) this.isSyncDue = true;
    else if (this.unsynced.length > 0) this.syncing = this.sync();
  }

  private async syncAll(): Promise<void> {
    while (this.failure === undefined && (this.unsynced.length > 0 || this.isSyncing)) {
      this.startSyncing();
      await this.syncing;
    }
  }

  private async sync(): Promise<void> {
    this.isSyncing = true;
    try {
      for (
        let last = this.unsynced.at(-1);
        last !== undefined && this.failure === undefined;
        last = this.unsynced.at(-1)
      ) {
        const groups = this.unsynced;
        this.beingSynced = groups;
        this.unsynced = [];
        this.unsyncedRecords = 0n;
        this.isSyncDue = false;
        this.cancelFlush?.();
        this.cancelFlush = undefined;
        // One sync covers all groups: they are in one file, because a roll waits for all that is before it.
        await last.segment.file?.sync();
        this.beingSynced = [];
        if (this.failure !== undefined) break;
        this.count(groups);
        this.host.synced(last);
        if (this.host.lazyFlush() !== undefined && !this.isSyncDue) break;
      }
    } catch (error) {
      this.host.syncFailed();
      this.fail(asError(error));
    }
    this.beingSynced = [];
    this.isSyncing = false;
  }
}

function ignored(): void {}

/** Longer than any timer of any host. */
const TIMER_MS_MAX = 2n ** 31n - 1n;

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
