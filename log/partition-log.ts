/**
 * One partition: segments in offset order, written at the end, read anywhere below the high watermark.
 *
 * The high watermark is the synced end. Everything up to it survives power loss, has its offset for ever, and may be read;
 * nothing above it is. A failed write or sync fences the partition: what is below the high watermark is still read, and
 * nothing is written any more until it is opened again. With a lazy flush written counts as synced: then a sync that fails
 * leaves it in doubt what is there from the last one that did not up to the high watermark, and that is not read either.
 *
 * A partition is opened as a replica. `startEpoch` makes this node its leader.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { checkNew, checkProduced } from "./batch-check.ts";
import { BatchHeader } from "./batch.ts";
import { CommitQueue, type CommitHost, type Group } from "./commit-queue.ts";
import type { ClosedSegment } from "./closed-segments.ts";
import type { CompactionMeans } from "./compaction.ts";
import type { LazyFlush, PartitionConfig } from "./partition-config.ts";
import type { EpochEnd } from "./leader-epochs.ts";
import { Listeners } from "./listeners.ts";
import { LogSegments } from "./log-segments.ts";
import { silent } from "./logger.ts";
import { claimDirectory, deletePartitionFiles } from "./partition-directory.ts";
import { partitionDirectory } from "./partition-files.ts";
import { recoverPartition, type RecoveredPartition } from "./partition-recovery.ts";
import { PartitionReads } from "./partition-reads.ts";
import { PartitionUpkeep } from "./partition-upkeep.ts";
import type { Advance, AppendResult, PartitionOptions, ReadResult } from "./partition-types.ts";
import type { RecoveryReport } from "./recovery.ts";
import type { ProducerSummary } from "./producer-state.ts";
import { checkReplicated } from "./replicated-range.ts";
import { createSegment, cutSegments, removeSegments } from "./segment-history.ts";
import { type FoundRecord, type ReadView, SegmentReader } from "./segment-reader.ts";
import type { Segment } from "./segment.ts";
import { sealAnew } from "./seal-anew.ts";
import { SoundEnd } from "./sound-end.ts";
import { Standing } from "./standing.ts";
import { isInternal } from "./topic-name.ts";
import { Turns } from "./turns.ts";

/** A replica waits for no sync: what a crash takes away, its upstream gives again. */
const REPLICA_FLUSH: LazyFlush = { records: 2n ** 63n - 1n, ms: 2n ** 63n - 1n };
const DONE = Promise.resolve();

export class PartitionLog {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** What opening it found. */
  readonly recovery: RecoveryReport;
  private readonly options: PartitionOptions;
  private readonly directory: string;
  private readonly standing: Standing;
  private readonly queue: CommitQueue;
  private readonly reader: SegmentReader;
  private readonly reads: PartitionReads;
  private readonly upkeep: PartitionUpkeep;
  private readonly advances: Listeners<Advance>;
  private readonly startMoves: Listeners<void>;
  private segments: LogSegments;
  /** The offset that the next batch gets. */
  private end: bigint;
  private readableEnd: bigint;
  /** -1 while this node does not lead. */
  private leadingEpoch = -1;
  private epochStart = 0n;
  private soundEnd: SoundEnd;
  private closing: Promise<void> | undefined;
  /** What changes or ends the partition as a whole is done one after the other. */
  private readonly turns = new Turns();
  /** Whether something differs from what the last close has written. */
  private changed: boolean;
  /** Whether there are batches that only the upstream vouches for so far. */
  private hasUnsyncedReplica = false;

  /**
   * Opens the partition's files and recovers what a crash has left. Throws KafkaError KAFKA_STORAGE_ERROR when acknowledged
   * data is damaged, or when the directory belongs to another topic.
   */
  static async open(options: PartitionOptions): Promise<PartitionLog> {
    const directory = partitionDirectory(options.topic, options.partition);
    await claimDirectory(options.store, directory, options.topicId);
    return new PartitionLog(options, directory, await recover(options, directory));
  }

  private constructor(options: PartitionOptions, directory: string, recovered: RecoveredPartition) {
    this.topic = options.topic;
    this.topicId = options.topicId;
    this.partition = options.partition;
    this.options = options;
    this.directory = directory;
    const log = options.log ?? silent;
    this.standing = new Standing(directory, log);
    this.advances = new Listeners(directory, log);
    this.startMoves = new Listeners(directory, log);
    this.recovery = recovered.report;
    this.changed = recovered.report.how === "scanned" && recovered.report.validBytes > 0;
    this.queue = new CommitQueue(options.clock, this.commitHost());
    this.segments = new LogSegments(options, directory, recovered);
    this.end = this.segments.end;
    this.readableEnd = this.end;
    this.soundEnd = new SoundEnd(directory, this.segments);
    const { store, engine, config, uncompressedBytesMax } = options;
    this.reader = new SegmentReader({
      store,
      engine,
      directory,
      uncompressedBytesMax,
      indexIntervalBytes: config.indexIntervalBytes,
    });
    this.reads = new PartitionReads({
      directory,
      engine,
      reader: this.reader,
      logStart: () => this.logStartOffset,
      highWatermark: () => this.readableEnd,
      soundEnd: () => this.soundEnd,
      view: () => this.view(),
      check: () => this.standing.checkReadable(),
    });
    this.upkeep = new PartitionUpkeep({
      directory,
      log,
      options,
      standing: this.standing,
      turns: this.turns,
      reads: this.reads,
      segments: () => this.segments,
      end: () => this.end,
      highWatermark: () => this.readableEnd,
      leaderEpoch: () => this.leaderEpoch,
      makeDurable: () => this.makeReadableDurable(),
      startMoved: () => this.startMoves.tell(),
      rollActive: () => this.rollActive(),
      failWith: (error) => this.failWith(error),
    });
  }

  /** The first offset that can be read. */
  get logStartOffset(): bigint {
    return this.segments.logStart;
  }
  /** The offset that the next record gets. */
  get logEndOffset(): bigint {
    return this.end;
  }
  /** Everything below it can be read, and nothing else. */
  get highWatermark(): bigint {
    return this.readableEnd;
  }
  /** The epoch that this node leads in; for a replica the epoch of its last batch, -1 when it has none. */
  get leaderEpoch(): number {
    return this.leadingEpoch >= 0 ? this.leadingEpoch : this.segments.epochs.last;
  }
  /** The epoch of the last batch; -1: there is none. */
  get lastEpoch(): number {
    return this.segments.epochs.last;
  }
  get sizeBytes(): number {
    return this.segments.bytes;
  }
  /** Bytes that were appended and are not written yet: what a caller bounds. */
  get pendingBytes(): number {
    return this.queue.pendingBytes;
  }
  /** Why nothing can be written any more; undefined while it can. */
  get fenced(): KafkaError | undefined {
    return this.standing.failed;
  }

  /** Who has written with a producer id, and is remembered. */
  producers(): ProducerSummary[] {
    return this.segments.producers.latest();
  }

  /** Other settings count from the next append on; how it is synced counts at once. */
  configure(config: PartitionConfig): void {
    const { lazyFlush } = this.options.config;
    this.options.config = config;
    const isSame = lazyFlush?.records === config.lazyFlush?.records && lazyFlush?.ms === config.lazyFlush?.ms;
    if (!isSame) this.queue.flushChanged();
  }

  /** This node leads from here on, and stamps its batches with `epoch`. */
  async startEpoch(epoch: number): Promise<void> {
    if (epoch < this.leaderEpoch) {
      throw new KafkaError(
        ErrorCode.FENCED_LEADER_EPOCH,
        `${this.directory} is led in epoch ${this.leaderEpoch}, not in ${epoch}`,
      );
    }
    if (this.leadingEpoch < 0) await this.makeDurable();
    this.leadingEpoch = epoch;
    this.epochStart = this.end;
  }

  /**
   * The leader's side. Checks, gives offsets and stamps `batch` in place before it returns, so that call order is log order.
   * The log owns the bytes from then on. Throws KafkaError for a batch that is not taken.
   */
  append(batch: Uint8Array): AppendResult {
    this.standing.checkWritable();
    if (this.leadingEpoch < 0)
      throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, `this node does not lead ${this.directory}`);
    const { engine, clock, config, uncompressedBytesMax } = this.options;
    const nowMs = clock.now();
    const check = { engine, config, uncompressedBytesMax, nowMs };
    const produced = checkProduced(batch, check);
    const { header } = produced;
    const repeated = this.segments.producers.duplicateOf(header);
    const appendTimeOf = (timestamp: bigint): bigint => (config.isLogAppendTime ? timestamp : -1n);
    if (repeated !== undefined) {
      const { baseOffset, lastOffset, timestamp } = repeated;
      const group = this.queue.groupOf(lastOffset);
      const logAppendTimeMs = appendTimeOf(timestamp);
      return { ...this.appended(baseOffset, lastOffset, true, group), logAppendTimeMs };
    }
    checkNew(batch, produced, check);
    this.options.disk?.check(isInternal(this.topic) ? "groups" : "records");
    const baseOffset = this.end;
    const sealed = sealAnew(batch, produced, check);
    const stored = sealed === batch ? header : new BatchHeader(sealed);
    stored.stamp(baseOffset, this.leadingEpoch);
    const group = this.enqueue(sealed, stored, stored.lastOffset + 1n, nowMs);
    const logAppendTimeMs = appendTimeOf(stored.maxTimestamp);
    return { ...this.appended(baseOffset, stored.lastOffset, false, group), logAppendTimeMs };
  }

  /**
   * The follower's side: batches as the leader gave them, covering [from, to), which begins where this log ends. Nothing is
   * taken unless all of it is sound. Resolves when written. The log owns the bytes from then on.
   */
  async appendReplica(bytes: Uint8Array, range: { from: bigint; to: bigint }): Promise<void> {
    await (
      await this.takeReplica(bytes, range)
    ).written;
  }

  /** As `appendReplica`, but resolves when all of it is checked and queued: the next range may join on. */
  async takeReplica(
    bytes: Uint8Array,
    range: { from: bigint; to: bigint },
  ): Promise<{ readonly written: Promise<void> }> {
    this.standing.checkWritable();
    if (this.leadingEpoch >= 0)
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `this node leads ${this.directory} and follows nobody`);
    const { directory, end } = this;
    const isEmpty = end === this.logStartOffset;
    const before = { directory, end, epoch: this.segments.epochs.last, isEmpty };
    const batches = checkReplicated(bytes, range, before, this.options.engine);
    const firstOffset = batches[0]?.header.baseOffset ?? end;
    // Where nothing is held, what stands in the files is below the log start.
    if (isEmpty && firstOffset < this.segments.active.endOffset) await this.beginSegmentAt(firstOffset);
    const nowMs = this.options.clock.now();
    this.hasUnsyncedReplica = true;
    let group: Group | undefined;
    for (const { batch, header } of batches)
      group = this.enqueue(batch, header, header.lastOffset + 1n, nowMs);
    if (range.to > this.end) {
      // Offsets without records at the range's end: nothing is written for them, but the log has come that far.
      this.end = range.to;
      const nothing = new Uint8Array(0);
      group = this.queue.add({
        segment: this.segments.active,
        bytes: nothing,
        to: range.to,
        maxTimestamp: -1n,
        records: 0,
      });
    }
    return { written: group?.written.promise ?? DONE };
  }

  /**
   * Whole batches from the one that holds `offset`, up to `bytesMax` bytes but at least one, never at or above the high
   * watermark. Throws KafkaError OFFSET_OUT_OF_RANGE outside of what the log has, KAFKA_STORAGE_ERROR where a failed sync
   * leaves it in doubt what is there.
   */
  read(offset: bigint, bytesMax: number): Promise<ReadResult> {
    return this.reads.at(offset, bytesMax);
  }

  /**
   * Backwards: whole batches that begin below `offset`, up to the one before it; about `bytesMax` bytes, at least one batch, none
   * at the log start. What is before `from` in the first of them is deleted. Throws as `read`.
   */
  readBefore(offset: bigint, bytesMax: number): Promise<ReadResult> {
    return this.reads.before(offset, bytesMax);
  }

  /** The first record below the high watermark whose timestamp is not less than `timestamp`. */
  offsetForTimestamp(timestamp: bigint): Promise<FoundRecord | undefined> {
    return this.reads.timestamp(timestamp);
  }

  /** The first of the records with the greatest timestamp. */
  maxTimestamp(): Promise<FoundRecord | undefined> {
    return this.reads.maxTimestamp();
  }

  /** Closed segments that begin at `from` or later. */
  closedSegments(from: bigint): ClosedSegment[] {
    return this.reads.closedFrom(from);
  }

  /** Where `epoch` ends, as OffsetForLeaderEpoch answers; -1 and -1 when that is not known. */
  endOffsetForEpoch(epoch: number): EpochEnd {
    if (epoch === this.leaderEpoch && epoch >= 0) return { epoch, endOffset: this.readableEnd };
    // The leader's own epoch has begun, though no batch tells of it yet.
    if (epoch > this.segments.epochs.last && epoch < this.leadingEpoch)
      return { epoch: this.segments.epochs.last, endOffset: this.epochStart };
    return this.segments.epochs.endOf(
      epoch,
      this.segments.epochs.last < this.leadingEpoch ? this.epochStart : this.readableEnd,
    );
  }

  /** The epoch that `offset` was written in; -1 when it is not known. */
  leaderEpochAt(offset: bigint): number {
    return this.segments.epochs.at(offset);
  }

  /** Hears synchronously of every move of the high watermark. Answers how to stop. */
  onAdvance(listener: (advance: Advance) => void): () => void {
    return this.advances.add(listener);
  }

  /** Hears, once, that a failed write or sync has fenced the partition: the high watermark stays where it is. Answers how to stop. */
  onFenced(listener: () => void): () => void {
    return this.standing.onFenced(listener);
  }

  /** Hears synchronously of every move of the log start. Answers how to stop. */
  onStartMoved(listener: () => void): () => void {
    return this.startMoves.add(listener);
  }

  /**
   * Deletes the records below `offset` (-1: the high watermark): they are out of range from now on, also after a crash, and
   * segments that hold nothing else are removed. Answers the log start, which never goes down. Throws KafkaError
   * OFFSET_OUT_OF_RANGE above the high watermark, KAFKA_STORAGE_ERROR.
   */
  deleteRecordsBefore(offset: bigint): Promise<bigint> {
    return this.upkeep.deleteRecordsBefore(offset);
  }

  /**
   * Moves the log start up over the segments that `retention.ms` and `retention.bytes` do not keep. Their files stay for
   * `file.delete.delay.ms`, and go with `removeFiles`. Undefined when there is nothing to do; told without looking at the
   * store. Throws KafkaError KAFKA_STORAGE_ERROR.
   */
  enforceRetention(): Promise<void> | undefined {
    return this.upkeep.enforceRetention();
  }

  /** Forgets producers that were silent for `producer.id.expiration.ms`, and whose batches may come anew by now. */
  expireProducers(nowMs: number): void {
    const { producerExpirationMs } = this.options.config;
    if (this.standing.isWritable) this.segments.producers.expire(nowMs, producerExpirationMs);
  }

  /**
   * Compacts what is worth while (`compaction.ts`), and answers whether there is more of it; undefined when there is nothing.
   * Throws KafkaError KAFKA_STORAGE_ERROR.
   */
  compact(means: CompactionMeans): Promise<boolean> | undefined {
    return this.upkeep.compact(means);
  }

  /** When the next files of segments that retention has removed are to go, by the clock; undefined: there are none. */
  get filesDueMs(): number | undefined {
    return this.upkeep.filesDueMs;
  }

  /** Removes the files whose time has come by `nowMs`. Those that cannot be removed are left to the next start. */
  removeFiles(nowMs: number): Promise<void> {
    return this.upkeep.removeFiles(nowMs);
  }

  /** A replica's: cuts the log back to where the batch that holds `offset` begins, or to `offset` itself. */
  truncateTo(offset: bigint): Promise<void> {
    return this.changeHistory(async () => {
      if (offset >= this.end) return;
      if (offset <= this.logStartOffset) return this.beginAnewAt(offset);
      const { all, active, syncedEnd } = this.segments;
      const segment = all.findLast((candidate) => candidate.baseOffset <= offset) ?? active;
      const position = await this.reader.positionOf(segment, offset);
      await syncedEnd.set(segment.baseOffset);
      await cutSegments(this.options.store, this.directory, all, { segment, position });
      await this.reopen();
    });
  }

  /** A replica's: forgets everything and begins anew at `offset`. */
  resetTo(offset: bigint): Promise<void> {
    return this.changeHistory(() => this.beginAnewAt(offset));
  }

  /** Writes and syncs what is left, and the checkpoints that a clean start needs. Throws what fenced the partition. */
  close(): Promise<void> {
    this.standing.close();
    this.closing ??= this.turns.take(() => this.closeFiles());
    return this.closing;
  }

  /** Ends the partition and removes its files, the one that says whose they are last. */
  async delete(): Promise<void> {
    this.queue.fail(this.standing.delete());
    await this.turns.take(async () => {
      await this.queue.settled();
      await this.segments.syncedEnd.forget();
      await this.segments.close();
      await deletePartitionFiles(this.options.store, this.directory);
    });
  }

  private view(): ReadView {
    const isDense = this.options.ledUpTo !== undefined && this.leadingEpoch >= 0;
    return {
      segments: this.segments.all,
      start: this.logStartOffset,
      end: this.soundEnd.before(this.readableEnd),
      epoch: isDense ? this.leadingEpoch : undefined,
    };
  }

  private appended(
    baseOffset: bigint,
    lastOffset: bigint,
    duplicate: boolean,
    group: Group | undefined,
  ): AppendResult {
    return {
      baseOffset,
      lastOffset,
      logStartOffset: this.logStartOffset,
      logAppendTimeMs: -1n,
      duplicate,
      written: group?.written.promise ?? DONE,
      synced: group?.synced.promise ?? DONE,
    };
  }

  /** Takes a checked and stamped batch as the log's next one. */
  private enqueue(batch: Uint8Array, header: BatchHeader, to: bigint, nowMs: number): Group {
    const segment = this.segments.take(batch, header, nowMs);
    this.end = to;
    this.changed = true;
    this.options.disk?.took(batch.length);
    const { recordsMaxTimestamp: maxTimestamp, recordsCount: records } = header;
    return this.queue.add({ segment, bytes: batch, to, maxTimestamp, records });
  }

  private commitHost(): CommitHost {
    return {
      lazyFlush: () => (this.leadingEpoch < 0 ? REPLICA_FLUSH : this.options.config.lazyFlush),
      roll: (next) => this.roll(next),
      advanced: (groups) => this.advance(groups),
      synced: (last) => this.noteSynced(last),
      syncFailed: () => this.soundEnd.syncFailed(this.segments.all, this.readableEnd),
      failed: (error) => this.fence(error),
    };
  }

  private noteSynced({ segment, segmentBytes: bytes, segmentEnd: offset }: Group): void {
    this.soundEnd.synced(segment, bytes, offset);
    this.segments.syncedEnd.note(offset);
  }

  private async roll(next: Segment): Promise<void> {
    const closed = await this.segments.roll(next);
    if (closed !== undefined) this.reader.keepIndex(closed);
  }

  private advance(groups: readonly Group[]): void {
    const from = this.readableEnd;
    for (const { segment, segmentBytes, maxTimestamp, to } of groups) {
      segment.readableBytes = segmentBytes;
      if (maxTimestamp > (segment.maxTimestamp ?? -1n)) segment.maxTimestamp = maxTimestamp;
      this.readableEnd = to;
    }
    // What only begins a segment brings nothing to read.
    if (from === this.readableEnd) return;
    const advance: Advance = { from, to: this.readableEnd, pieces: groups.flatMap((group) => group.pieces) };
    this.advances.tell(advance);
  }

  private fence(cause: Error): KafkaError {
    return this.standing.fence(cause, this.readableEnd);
  }

  /** Everything written and synced, so that written and synced are the same. */
  private async makeDurable(): Promise<void> {
    if (!this.hasUnsyncedReplica) return;
    await this.queue.drain();
    await this.segments.sync();
    this.segments.syncedEnd.note(this.segments.active.endOffset);
  }

  /** Runs a change of a replica's history, while nothing else is on its way. What fails half done fences the partition. */
  private changeHistory(change: () => Promise<void>): Promise<void> {
    return this.turns.take(async () => {
      this.standing.checkWritable();
      if (this.leadingEpoch >= 0) {
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          `this node leads ${this.directory}: its history is the history`,
        );
      }
      await this.standing.whileChanging(async () => {
        try {
          await this.queue.drain();
          this.changed = true;
          await change();
        } catch (error) {
          throw this.fence(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  /** With a lazy flush what is readable may still be lost, and the log would end before it begins. */
  private async makeReadableDurable(): Promise<void> {
    this.changed = true;
    if (this.leadingEpoch < 0 || !this.queue.isAhead) return;
    await this.segments.sync().catch((error: unknown) => {
      this.soundEnd.syncFailed(this.segments.all, this.readableEnd);
      this.failWith(error);
    });
  }

  /** Resolves when a new segment is begun after all that was appended so far. */
  private async rollActive(): Promise<void> {
    this.standing.checkWritable();
    // It makes a file; on a full disk that would fence the partition.
    this.options.disk?.check("upkeep");
    const segment = this.segments.rollActive(this.options.clock.now());
    const nothing = { segment, bytes: new Uint8Array(0), to: this.end, maxTimestamp: -1n, records: 0 };
    await this.queue.add(nothing).synced.promise;
  }

  /** Ends the partition's writing after a failure that its queue does not know of. */
  private failWith(error: unknown): never {
    const cause = error instanceof Error ? error : new Error(String(error));
    this.queue.fail(cause);
    throw this.fence(cause);
  }

  private async beginAnewAt(offset: bigint): Promise<void> {
    await this.segments.syncedEnd.set(0n);
    await removeSegments(this.options.store, this.directory, this.segments.all);
    // Without a segment the log begins, empty, wherever it is said to.
    await this.segments.startAt(offset);
    await createSegment(this.options.store, this.directory, offset);
    await this.reopen();
  }

  /** The log holds nothing, and its first batch begins before the log does: so must the first segment. */
  private beginSegmentAt(base: bigint): Promise<void> {
    return this.changeHistory(async () => {
      await this.segments.syncedEnd.set(0n);
      await removeSegments(this.options.store, this.directory, this.segments.all);
      await createSegment(this.options.store, this.directory, base);
      await this.reopen();
    });
  }

  /** Reads the partition back from what is in the store now. */
  private async reopen(): Promise<void> {
    await this.segments.close();
    await this.segments.syncedEnd.close(false);
    const recovered = await recover({ ...this.options, clean: false }, this.directory);
    this.segments = new LogSegments(this.options, this.directory, recovered);
    this.end = this.segments.end;
    this.readableEnd = this.end;
    this.soundEnd = new SoundEnd(this.directory, this.segments);
    this.reader.forget();
    this.upkeep.forget();
  }

  private async closeFiles(): Promise<void> {
    try {
      await this.queue.drain();
      if (this.changed) await this.segments.checkpoint();
    } finally {
      await this.queue.settled();
      await this.segments.syncedEnd.close(this.standing.failed === undefined);
      await this.upkeep.close();
      await this.segments.close();
    }
  }
}

function recover(options: PartitionOptions, directory: string): Promise<RecoveredPartition> {
  const { ledUpTo, syncedEnds, log = silent } = options;
  return recoverPartition({ ...options, log, directory, ledUpTo, syncedEnds });
}
