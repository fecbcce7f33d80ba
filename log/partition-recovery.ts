/** Opens the files of one partition, by the rules of `recovery.ts`. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { readLastCheckpoint } from "./checkpoint.ts";
import { finishSwap } from "./cleaned-segment.ts";
import type { Clock } from "./clock.ts";
import type { PartitionConfig } from "./partition-config.ts";
import type { Engine, ScannedBatch } from "./engine.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { readLogStart, writeLogStart } from "./log-start.ts";
import type { Logger } from "./logger.ts";
import { leaderEpochFile, segmentFile, syncedEndFile } from "./partition-files.ts";
import { decodeProducerSnapshot } from "./producer-snapshot.ts";
import { ProducerState } from "./producer-state.ts";
import { decide, lostStart, refusal, type RecoveryReport, type SegmentCase } from "./recovery.ts";
import { scanSegment, type ScanResult } from "./scan.ts";
import { SegmentIndex } from "./segment-index.ts";
import { decodeIndexFiles, readIndexFiles, writeIndexFiles } from "./segment-index-files.ts";
import { deleteFilesBefore, type SegmentInventory, takeInventory } from "./segment-inventory.ts";
import { firstTimestampOf } from "./segment-age.ts";
import { Segment, walkHeaders } from "./segment.ts";
import type { Store } from "./store.ts";
import { type SyncedEnd, SyncedEnds } from "./synced-ends.ts";
import { RELATIVE_OFFSET_MAX } from "./limits.ts";
import { finishRewrite, rewriteTail } from "./tail-rewrite.ts";

export interface RecoveryRequest {
  store: Store;
  engine: Engine;
  clock: Clock;
  log: Logger;
  /** `<topic>-<partition>`. */
  directory: string;
  topicId: string;
  partition: number;
  /** Left out: the partition has a file of its own. */
  syncedEnds?: SyncedEnds | undefined;
  config: PartitionConfig;
  /** The last shutdown said that it was clean. */
  clean: boolean;
  /** This node has led the partition, up to this epoch: offsets have no holes, and no batch has a later epoch. */
  ledUpTo: number | undefined;
}

export interface RecoveredPartition {
  /** At least one, the last with its index. All that they hold is synced. */
  segments: Segment[];
  /** The first offset of the log: within the first segment, or where a replica that holds nothing begins. */
  logStart: bigint;
  producers: ProducerState;
  epochs: LeaderEpochs;
  syncedEnd: SyncedEnd;
  report: RecoveryReport;
}

/** Throws KafkaError KAFKA_STORAGE_ERROR for damage; then nothing that the store tells was changed. */
export async function recoverPartition(request: RecoveryRequest): Promise<RecoveredPartition> {
  const { store, engine, clock, clean, directory, topicId, partition, syncedEnds } = request;
  const logStart = await readLogStart(store, engine, directory);
  const own = { store, engine, clock, clean, name: syncedEndFile(directory) };
  const syncedEnd = syncedEnds?.of(topicId, partition) ?? (await SyncedEnds.openOne(own, topicId, partition));
  try {
    await finishRewrite({ store, engine, directory, syncedEnd });
    return await new PartitionRecovery(request, syncedEnd, logStart).run();
  } catch (error) {
    await syncedEnd.close(false);
    throw error;
  }
}

class PartitionRecovery {
  private readonly request: RecoveryRequest;
  private readonly syncedEnd: SyncedEnd;
  private readonly logStart: bigint;
  private segments: Segment[] = [];
  private snapshots: readonly bigint[] = [];
  private producers = new ProducerState();
  private epochs = new LeaderEpochs();
  /** Where the first batch that is not noted as synced begins, in the segment that was scanned last. */
  private unsyncedAt: number | undefined;
  /** Indexes that were built again, and are written when it is known that nothing is refused. */
  private readonly rebuilt: SegmentIndex[] = [];

  constructor(request: RecoveryRequest, syncedEnd: SyncedEnd, logStart: bigint) {
    this.request = request;
    this.syncedEnd = syncedEnd;
    this.logStart = logStart;
  }

  async run(): Promise<RecoveredPartition> {
    try {
      return await this.openAll();
    } catch (error) {
      for (const { file } of this.segments) await file?.close();
      throw error;
    }
  }

  private async openAll(): Promise<RecoveredPartition> {
    const { store, directory, clean } = this.request;
    const { bases, snapshots, strays } = await this.inventory();
    this.snapshots = snapshots;
    const [least] = bases;
    if (least === undefined) return this.begin();
    const first = bases.findLast((base) => base <= this.logStart);
    if (first === undefined) throw lostStart(directory, least, this.logStart);
    for (const base of bases) if (base >= first) this.segments.push(await this.openSegment(base));
    const report = (clean ? await this.trustClean() : undefined) ?? (await this.scan());
    await store.delete(strays);
    for (const index of this.rebuilt) await writeIndexFiles(store, directory, index);
    await this.deleteLaterSnapshots();
    if (first > least || (snapshots[0] ?? first) < first) await this.finishDeletion(first);
    return this.result(report);
  }

  private async inventory(): Promise<SegmentInventory> {
    const { store, directory } = this.request;
    const found = await takeInventory(store, directory);
    if (found.swaps.length === 0) return found;
    for (const base of found.swaps) await finishSwap(store, directory, base, found.bases);
    return takeInventory(store, directory);
  }

  private async begin(): Promise<RecoveredPartition> {
    const { engine, directory, config } = this.request;
    const expected = this.leastEnd > this.syncedEnd.offset ? this.leastEnd : this.syncedEnd.offset;
    if (expected > 0n) {
      const name = segmentFile(directory, this.logStart, "log");
      throw refusal(
        { file: name, position: 0, endOffset: 0n },
        expected,
        "the segments are gone",
        this.syncedEnd,
      );
    }
    // A replica that was beginning anew has nothing yet, and knows where it begins.
    const segment = await this.openSegment(this.logStart);
    segment.index = new SegmentIndex(engine, this.logStart, config.indexIntervalBytes);
    this.segments = [segment];
    return this.result({ how: "new", validBytes: 0, droppedBytes: 0, reason: "" });
  }

  /** Records were deleted, and the last stop came before their segments were. */
  private async finishDeletion(first: bigint): Promise<void> {
    const { store, engine, directory } = this.request;
    // What is read here may not be on the disk yet, when the stop came in the middle of writing it.
    await writeLogStart(store, engine, directory, this.logStart);
    await deleteFilesBefore(store, directory, first);
  }

  /** Where the log ends at least, besides the noted synced end. A leader's log start does not pass what is synced. */
  private get leastEnd(): bigint {
    return this.request.ledUpTo === undefined ? 0n : this.logStart;
  }

  private async openSegment(base: bigint): Promise<Segment> {
    const segment = new Segment(base, segmentFile(this.request.directory, base, "log"));
    segment.file = await this.request.store.open(segment.name);
    segment.bytes = segment.file.size;
    segment.createdMs = this.request.clock.now();
    segment.touchedMs = segment.createdMs;
    return segment;
  }

  private result(report: RecoveryReport): RecoveredPartition {
    for (const [at, segment] of this.segments.entries()) {
      segment.endOffset = this.segments[at + 1]?.baseOffset ?? segment.endOffset;
      segment.readableBytes = segment.bytes;
      segment.maxTimestamp = segment.index?.maxTimestamp;
    }
    const { segments, logStart, producers, epochs, syncedEnd } = this;
    epochs.truncateBefore(logStart);
    return { segments, logStart, producers, epochs, syncedEnd, report };
  }

  // A clean shutdown has synced everything and left a checkpoint and the synced end at the log's end. When all of that agrees, nothing is read but the last index interval; when anything does not, the shutdown's word counts nothing.
  private async trustClean(): Promise<RecoveryReport | undefined> {
    const { engine, config } = this.request;
    const last = this.last();
    if (last.bytes === 0) return undefined;
    const files = await readLastCheckpoint(this.request, last.baseOffset, this.syncedEnd);
    if (files === undefined) return undefined;
    const index = decodeIndexFiles(engine, last, config.indexIntervalBytes, files);
    const epochs = this.decodeEpochs(files.epochs);
    const producers = this.decodeProducers(files.snapshot);
    if (index === undefined || epochs === undefined || producers === undefined) return undefined;
    const end = await endOfWhole(last, index.lastPosition);
    if (end === undefined || end !== this.syncedEnd.offset) return undefined;
    await firstTimestampOf(last);
    this.producers = producers;
    this.epochs = epochs;
    last.index = index;
    last.endOffset = end;
    return { how: "clean", validBytes: last.bytes, droppedBytes: 0, reason: "" };
  }

  private async scan(): Promise<RecoveryReport> {
    const from = await this.findStart();
    for (const segment of this.segments.slice(0, from)) await this.checkEarlier(segment);
    for (const segment of this.segments.slice(from, -1)) {
      const result = await this.scanOne(segment);
      this.judge(segment, result, result.endOffset);
      this.rebuilt.push(this.indexOf(segment, result));
    }
    return this.scanLast();
  }

  /** The first segment whose batches must be read to know producers and epochs; loads what was known before it. */
  private async findStart(): Promise<number> {
    const epochs = await this.readEpochs();
    for (let at = this.segments.length - 1; at > 0 && epochs !== undefined; at--) {
      const base = this.segments[at]?.baseOffset ?? 0n;
      const producers = await this.readProducers(base);
      if (producers === undefined) continue;
      epochs.truncateTo(base);
      this.epochs = epochs;
      this.producers = producers;
      return at;
    }
    const base = this.segments[0]?.baseOffset ?? 0n;
    epochs?.truncateTo(base);
    this.epochs = epochs ?? this.epochs;
    this.producers = await this.producersBefore(base);
    return 0;
  }

  /** Producers as they were where the first segment begins: what came before is deleted, so only the snapshot there knows. */
  private async producersBefore(base: bigint): Promise<ProducerState> {
    const { store, log, ledUpTo, directory } = this.request;
    const producers = await this.readProducers(base);
    if (producers !== undefined || ledUpTo === undefined || base === 0n)
      return producers ?? new ProducerState();
    const name = segmentFile(directory, base, "snapshot");
    if ((await store.read(name)) !== undefined) {
      throw new KafkaError(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `${name} is damaged, and the batches that it was made from are deleted: what producers send again would be taken ` +
          `twice. Nothing was changed. Restore it from a backup; or delete it, when no producer that was there before is left`,
      );
    }
    log.warn(
      `${name} is not there: batches that are sent again from before offset ${base} are not recognised`,
    );
    return new ProducerState();
  }

  private async scanLast(): Promise<RecoveryReport> {
    const { store, log, directory } = this.request;
    const last = this.last();
    const size = last.bytes;
    const before = { producers: this.producers.batches(), epochs: this.epochs.all };
    let result = await this.scanOne(last);
    const decision = this.judge(last, result, result.endOffset);
    const reason = decision === "cut" ? result.reason : "";
    if (decision === "cut") {
      const droppedBytes = size - result.validBytes;
      const found = { file: last.name, validBytes: result.validBytes, droppedBytes, reason };
      log.warn(
        `cut ${droppedBytes} bytes that were never synced from the end of ${last.name}: ${reason}`,
        found,
      );
    }
    if (decision === "cut" || result.endOffset > this.syncedEnd.offset) await this.makeDurable(last, result);
    if (decision === "cut") {
      // What the first scan passed on may tell of batches that are gone now.
      this.producers = ProducerState.of(before.producers, this.request.clock.now());
      this.epochs = new LeaderEpochs(before.epochs);
      result = await this.scanOne(last);
      if (result.ending !== "whole") throw this.refusal(last, result, result.endOffset);
    }
    if (result.endOffset > this.syncedEnd.offset) await this.syncedEnd.set(result.endOffset);
    last.bytes = result.validBytes;
    last.endOffset = result.endOffset;
    last.index = this.indexOf(last, result);
    // Index files are from an earlier close. Those of a log that was not cut tell of less than there is, which nobody reads.
    if (decision === "cut") await this.rewriteIndexes(store, directory, last);
    return { how: "scanned", validBytes: result.validBytes, droppedBytes: size - result.validBytes, reason };
  }

  /** What was found sound in the last segment is on the disk afterwards, and nothing else is in its file. */
  private async makeDurable(last: Segment, { validBytes, endOffset }: ScanResult): Promise<void> {
    const { file, baseOffset: base } = last;
    const { syncedEnd, unsyncedAt: position = validBytes } = this;
    if (file === undefined) throw new Error(`${last.name} is not open`);
    // What a replica loses its upstream gives again.
    if (this.request.ledUpTo !== undefined && position < validBytes) {
      const { store, engine, directory } = this.request;
      const tail = { base, position, bytes: validBytes - position, endOffset };
      return rewriteTail({ store, engine, directory, syncedEnd }, file, tail);
    }
    await file.truncate(validBytes);
    await file.sync();
  }

  /** So that the index files of the last segment do not tell of what was cut. */
  private async rewriteIndexes(store: Store, directory: string, last: Segment): Promise<void> {
    if (last.index !== undefined && last.bytes > 0) await writeIndexFiles(store, directory, last.index);
    else
      await store.delete([
        segmentFile(directory, last.baseOffset, "index"),
        segmentFile(directory, last.baseOffset, "timeindex"),
      ]);
  }

  private scanOne(segment: Segment): Promise<ScanResult> {
    const { engine, clock, config, ledUpTo } = this.request;
    if (segment.file === undefined) throw new Error(`${segment.name} is not open`);
    const nowMs = clock.now();
    let expected = segment.baseOffset;
    this.unsyncedAt = undefined;
    const visit = (batch: ScannedBatch): string | undefined => {
      if (batch.position === 0) segment.firstTimestamp = batch.maxTimestamp;
      if (batch.lastOffset >= this.syncedEnd.offset) this.unsyncedAt ??= batch.position;
      if (batch.leaderEpoch < this.epochs.last)
        return `a batch of epoch ${batch.leaderEpoch} follows one of ${this.epochs.last}`;
      if (ledUpTo !== undefined) {
        if (batch.baseOffset !== expected)
          return `offset ${batch.baseOffset} follows where ${expected} should`;
        if (batch.leaderEpoch > ledUpTo)
          return `a batch is of epoch ${batch.leaderEpoch}, and ${ledUpTo} is the latest`;
      }
      expected = batch.lastOffset + 1n;
      this.epochs.note(batch.leaderEpoch, batch.baseOffset);
      const lastOffsetDelta = Number(batch.lastOffset - batch.baseOffset);
      this.producers.note({ ...batch, lastOffsetDelta }, batch.lastOffset, batch.maxTimestamp, nowMs);
      return undefined;
    };
    const { file, baseOffset } = segment;
    return scanSegment({ engine, file, baseOffset, indexIntervalBytes: config.indexIntervalBytes, visit });
  }

  private indexOf(segment: Segment, { index: stored }: ScanResult): SegmentIndex {
    const { engine, config } = this.request;
    const index = new SegmentIndex(engine, segment.baseOffset, config.indexIntervalBytes, stored);
    index.seal();
    return index;
  }

  /** A segment that is closed and known to be synced: its end must be where the next one begins. */
  private async checkEarlier(segment: Segment): Promise<void> {
    const { store, engine, directory, config } = this.request;
    const index = await readIndexFiles(store, engine, directory, segment, config.indexIntervalBytes);
    // An index that points into the middle of a batch is damaged itself, and says nothing about the batches.
    const end = (index && (await endOfWhole(segment, index.lastPosition))) ?? (await endOfWhole(segment, 0));
    const ending = end === undefined ? "torn" : "whole";
    this.judge(
      segment,
      { ending, reason: "it does not end with a whole batch", validBytes: segment.bytes },
      end ?? -1n,
    );
  }

  private judge(
    segment: Segment,
    result: Pick<ScanResult, "ending" | "reason" | "validBytes">,
    endOffset: bigint,
  ): "keep" | "cut" {
    const next = this.segments[this.segments.indexOf(segment) + 1];
    const facts: SegmentCase = {
      place: next === undefined ? "last" : "earlier",
      ending: result.ending,
      syncedEnd: endOffset < this.syncedEnd.offset || endOffset < this.leastEnd ? "above" : "reached",
      joins: next === undefined || joins(segment, endOffset, next),
    };
    const decision = decide(facts);
    if (decision !== "refuse") return decision;
    throw this.refusal(segment, result, endOffset);
  }

  private refusal(
    segment: Segment,
    { validBytes, reason }: Pick<ScanResult, "validBytes" | "reason">,
    endOffset: bigint,
  ): KafkaError {
    const { syncedEnd, leastEnd, segments } = this;
    const next = segments[segments.indexOf(segment) + 1];
    const expected = next?.baseOffset ?? (leastEnd > syncedEnd.offset ? leastEnd : syncedEnd.offset);
    return refusal({ file: segment.name, position: validBytes, endOffset }, expected, reason, syncedEnd);
  }

  private async readEpochs(): Promise<LeaderEpochs | undefined> {
    const { store, directory } = this.request;
    const bytes = await store.read(leaderEpochFile(directory));
    return bytes && this.decodeEpochs(bytes);
  }

  private decodeEpochs(bytes: Uint8Array): LeaderEpochs | undefined {
    const { ledUpTo } = this.request;
    const epochs = unlessUnreadable(() => LeaderEpochs.decode(bytes));
    // The file has no checksum. What it says of the future cannot be so; the batches are asked instead.
    return ledUpTo !== undefined && (epochs?.last ?? -1) > ledUpTo ? undefined : epochs;
  }

  /** Producers as they were just before `offset`. */
  private async readProducers(offset: bigint): Promise<ProducerState | undefined> {
    const { store, directory } = this.request;
    const bytes = await store.read(segmentFile(directory, offset, "snapshot"));
    return bytes && this.decodeProducers(bytes);
  }

  private decodeProducers(bytes: Uint8Array): ProducerState | undefined {
    const { engine, clock } = this.request;
    return unlessUnreadable(() => ProducerState.of(decodeProducerSnapshot(engine, bytes), clock.now()));
  }

  private async deleteLaterSnapshots(): Promise<void> {
    const { store, directory } = this.request;
    const later = this.snapshots.filter((offset) => offset > this.last().endOffset);
    await store.delete(later.map((offset) => segmentFile(directory, offset, "snapshot")));
  }

  private last(): Segment {
    const last = this.segments.at(-1);
    if (last === undefined) throw new Error("a partition has at least one segment");
    return last;
  }
}

/** Whether `next` begins where `segment` ends; only a hole that no segment could span may lie between. */
function joins(segment: Segment, endOffset: bigint, next: Segment): boolean {
  return endOffset === next.baseOffset || next.baseOffset - segment.baseOffset > BigInt(RELATIVE_OFFSET_MAX);
}

/** The offset after the last batch, when the batches from `position` on fill the file; else undefined. */
async function endOfWhole(segment: Segment, position: number): Promise<bigint | undefined> {
  let end: bigint | undefined;
  try {
    for await (const { header } of walkHeaders(segment, position, segment.bytes))
      end = header.lastOffset + 1n;
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.KAFKA_STORAGE_ERROR) return undefined;
    throw error;
  }
  return end;
}

/** A file that cannot be understood is as good as none: what it says can be read from the batches. */
function unlessUnreadable<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof KafkaError) return undefined;
    throw error;
  }
}
