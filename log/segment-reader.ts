/** Finds and reads batches across the segments of one partition, and keeps a few indexes of closed segments at hand. */
import { BATCH_HEADER_BYTES } from "../engine-as/format.ts";
import { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";
import { fillerBatch, isFiller } from "./filler-batch.ts";
import { CLOSED_INDEXES_MAX, READ_HINTS_MAX } from "./limits.ts";
import type { ReadResult } from "./partition-types.ts";
import { scanSegment } from "./scan.ts";
import { readIndexFiles, writeIndexFiles } from "./segment-index-files.ts";
import { SegmentIndex } from "./segment-index.ts";
import { damaged, findOffset, readWhole, type Segment, walkHeaders } from "./segment.ts";
import type { Store } from "./store.ts";

export interface ReaderOptions {
  store: Store;
  engine: Engine;
  directory: string;
  indexIntervalBytes: number;
  uncompressedBytesMax: number;
}

/** A partition as it stood when a read began. */
export interface ReadView {
  readonly segments: readonly Segment[];
  /** The log start: what is before it in the first segment is deleted. */
  readonly start: bigint;
  /** The high watermark. */
  readonly end: bigint;
  /** The epoch of a leader, whose log has no holes and no batch of a later epoch; undefined: of a replica that is not known. */
  readonly epoch: number | undefined;
}

export interface FoundRecord {
  offset: bigint;
  /** Milliseconds since the epoch. */
  timestamp: bigint;
  leaderEpoch: number;
}

interface Place {
  readonly segment: Segment;
  readonly position: number;
}

export class SegmentReader {
  private readonly options: ReaderOptions;
  /** Closed segments whose index is in memory, the one used longest ago first. */
  private readonly loaded = new Set<Segment>();
  /** Where readers stopped: the next read of a sequence needs no index. */
  private readonly hints = new Map<bigint, Place>();

  constructor(options: ReaderOptions) {
    this.options = options;
  }

  /**
   * Batches from `offset`, which is below `view.end`; what they cover, holes included, up to `to`. Those that compaction has
   * left empty come alone only at the log's end: librdkafka takes an answer without records for one that was too small. What
   * stands for offsets alone begins at `offset`: a replica ends where batches ended that compaction has joined since.
   */
  async read(view: ReadView, offset: bigint, bytesMax: number): Promise<ReadResult> {
    const first = await this.readPiece(view, offset, bytesMax);
    this.beginAt(first.bytes, offset);
    let piece = first;
    while (piece.to < view.end && !hasRecords(piece.bytes))
      piece = await this.readPiece(view, piece.to, bytesMax);
    return hasRecords(piece.bytes) ? { ...piece, from: offset } : first;
  }

  /**
   * Batches that begin below `offset`, up to the one that holds the last record there: about `bytesMax` bytes, at least one
   * batch. They cover [from, to), and `to` is `offset`; there are none where nothing is held below it.
   */
  async readBefore({ segments, start }: ReadView, offset: bigint, bytesMax: number): Promise<ReadResult> {
    for (const segment of segments.toReversed()) {
      if (segment.baseOffset >= offset) continue;
      const index = await this.indexOf(segment);
      const end = await endBefore(segment, offset, index.positionBefore(offset - 1n));
      if (end === 0) continue;
      const position = index.positionBelow(Math.max(end - bytesMax, 0) + 1);
      const expected = { offset: undefined, epochMax: Infinity };
      const { bytes } = await readWhole(segment, position, end - position, end, expected);
      if (position + bytes.length < end)
        throw damaged(segment, position + bytes.length, "batches do not join");
      return { bytes, from: maxOf(new BatchHeader(bytes).baseOffset, start), to: offset };
    }
    return { bytes: new Uint8Array(0), from: start, to: offset };
  }

  private beginAt(bytes: Uint8Array, baseOffset: bigint): void {
    if (bytes.length < BATCH_HEADER_BYTES) return;
    const header = new BatchHeader(bytes);
    if (header.baseOffset >= baseOffset || !isFiller(header)) return;
    const { lastOffset, leaderEpoch } = header;
    bytes.set(fillerBatch(this.options.engine, { baseOffset, lastOffset, leaderEpoch }));
  }

  private async readPiece(
    { segments, end, epoch }: ReadView,
    offset: bigint,
    bytesMax: number,
  ): Promise<ReadResult> {
    let at = segments.findLastIndex((segment) => segment.baseOffset <= offset);
    for (let segment = segments[at]; segment !== undefined; segment = segments[++at]) {
      const limit = segment.readableBytes;
      const next = segments[at + 1];
      // What a hole at this segment's end reaches up to.
      const reach = next !== undefined && next.readableBytes > 0 ? next.baseOffset : end;
      const position = await this.locate(segment, offset, limit);
      if (position >= limit) continue;
      const { bytes, to } = await readWhole(segment, position, bytesMax, limit, {
        offset: epoch === undefined ? undefined : offset,
        epochMax: epoch ?? Infinity,
      });
      const stoppedAt = position + bytes.length;
      if (stoppedAt < limit) this.remember(to, { segment, position: stoppedAt });
      else if (next === undefined) this.remember(reach, { segment, position: stoppedAt });
      return { bytes, from: offset, to: stoppedAt < limit ? to : maxOf(to, reach) };
    }
    return { bytes: new Uint8Array(0), from: offset, to: end };
  }

  /** The first record whose timestamp is not less than `timestamp`. */
  async findTimestamp({ segments, start }: ReadView, timestamp: bigint): Promise<FoundRecord | undefined> {
    for (const segment of segments) {
      const limit = segment.readableBytes;
      if (limit === 0 || (await this.knownMaxTimestampOf(segment)) < timestamp) continue;
      const index = await this.indexOf(segment);
      const from = index.positionBefore(maxOf(start, index.offsetBefore(timestamp)));
      for await (const { position, header } of walkHeaders(segment, from, limit)) {
        if (header.recordsMaxTimestamp < timestamp || header.lastOffset < start) continue;
        const batch = (await segment.file?.read(position, header.bytes)) ?? new Uint8Array(0);
        for (const record of this.recordsFrom(batch, header, start))
          if (record.timestamp >= timestamp) return record;
      }
    }
    return undefined;
  }

  /** The first of the records with the greatest timestamp; undefined when no record has one. */
  async findMaxTimestamp(view: ReadView): Promise<FoundRecord | undefined> {
    let greatest = -1n;
    for (const segment of view.segments)
      if (segment.readableBytes > 0) greatest = maxOf(greatest, await this.knownMaxTimestampOf(segment));
    if (greatest < 0n) return undefined;
    // Segments tell of records below the log start, too.
    return (await this.findTimestamp(view, greatest)) ?? this.walkToMaxTimestamp(view);
  }

  /** Where the batch begins that reaches up to `offset`; the segment's end when none does. */
  async positionOf(segment: Segment, offset: bigint): Promise<number> {
    return this.locate(segment, offset, segment.readableBytes);
  }

  /** A segment was closed, and its index is in memory. */
  keepIndex(segment: Segment): void {
    this.loaded.delete(segment);
    this.loaded.add(segment);
    for (const oldest of this.loaded) {
      if (this.loaded.size <= CLOSED_INDEXES_MAX) return;
      this.loaded.delete(oldest);
      oldest.index = undefined;
    }
  }

  /** The segments are others from now on. */
  forget(): void {
    this.loaded.clear();
    this.hints.clear();
  }

  private async locate(segment: Segment, offset: bigint, limit: number): Promise<number> {
    const hint = this.hints.get(offset);
    if (hint?.segment === segment) return hint.position;
    if (limit === 0) return 0;
    const index = await this.indexOf(segment);
    return findOffset(segment, offset, index.positionBefore(offset), limit);
  }

  private remember(offset: bigint, place: Place): void {
    this.hints.delete(offset);
    this.hints.set(offset, place);
    for (const oldest of this.hints.keys()) {
      if (this.hints.size <= READ_HINTS_MAX) return;
      this.hints.delete(oldest);
    }
  }

  /** Greatest timestamp of a segment's records; -1: none has one, or damage hides which. */
  async maxTimestampOf(segment: Segment): Promise<bigint> {
    if (segment.maxTimestamp !== undefined) return segment.maxTimestamp;
    const { maxTimestamp, indexedBytes } = await this.indexOf(segment);
    if (indexedBytes < segment.bytes) return -1n;
    segment.maxTimestamp = maxTimestamp;
    return maxTimestamp;
  }

  /** The same for who looks for a record: throws KafkaError KAFKA_STORAGE_ERROR where it may be among those that damage hides. */
  private async knownMaxTimestampOf(segment: Segment): Promise<bigint> {
    const greatest = await this.maxTimestampOf(segment);
    if (segment.maxTimestamp !== undefined) return greatest;
    const { indexedBytes } = await this.indexOf(segment);
    throw damaged(segment, indexedBytes, "no look-up by time can tell what is there and after it");
  }

  private async indexOf(segment: Segment): Promise<SegmentIndex> {
    if (segment.index !== undefined) {
      if (this.loaded.has(segment)) this.keepIndex(segment);
      return segment.index;
    }
    const { store, engine, directory, indexIntervalBytes } = this.options;
    const index =
      (await readIndexFiles(store, engine, directory, segment, indexIntervalBytes)) ??
      (await this.rebuild(segment));
    segment.index = index;
    this.keepIndex(segment);
    return index;
  }

  private async rebuild(segment: Segment): Promise<SegmentIndex> {
    const { store, engine, directory, indexIntervalBytes } = this.options;
    const { file, baseOffset } = segment;
    if (file === undefined) throw new Error(`${segment.name} is read before it is there`);
    const scanned = await scanSegment({
      engine,
      file,
      baseOffset,
      indexIntervalBytes,
      visit: () => undefined,
    });
    const index = new SegmentIndex(engine, baseOffset, indexIntervalBytes, scanned.index);
    index.seal();
    // Up to damage it serves those who read by offset, who find what follows from batch to batch; but nobody may take it for whole.
    if (scanned.ending === "whole") await writeIndexFiles(store, directory, index);
    return index;
  }

  /** As `findMaxTimestamp`, from batch to batch. */
  private async walkToMaxTimestamp({ segments, start }: ReadView): Promise<FoundRecord | undefined> {
    let greatest: FoundRecord | undefined;
    for (const segment of segments) {
      const limit = segment.readableBytes;
      const from = limit === 0 ? 0 : await this.locate(segment, start, limit);
      for await (const { position, header } of walkHeaders(segment, from, limit)) {
        if (header.recordsMaxTimestamp <= (greatest?.timestamp ?? -1n)) continue;
        const batch = (await segment.file?.read(position, header.bytes)) ?? new Uint8Array(0);
        for (const record of this.recordsFrom(batch, header, start))
          if (record.timestamp > (greatest?.timestamp ?? -1n)) greatest = record;
      }
    }
    return greatest;
  }

  /** The batch's records from `start` on. */
  private *recordsFrom(
    batch: Uint8Array,
    { leaderEpoch }: BatchHeader,
    start: bigint,
  ): Generator<FoundRecord, void, void> {
    const records = this.options.engine.readBatch(batch, this.options.uncompressedBytesMax);
    for (let index = 0; index < records.count; index++) {
      const offset = records.offset(index);
      if (offset >= start) yield { offset, timestamp: BigInt(records.timestamp(index)), leaderEpoch };
    }
  }
}

/** Where the last batch ends that begins below `offset`; `position` is at or before it. */
async function endBefore(segment: Segment, offset: bigint, position: number): Promise<number> {
  let end = position;
  for await (const found of walkHeaders(segment, position, segment.readableBytes)) {
    if (found.header.baseOffset >= offset) return found.position;
    end = found.position + found.header.bytes;
  }
  return end;
}

function hasRecords(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    const header = new BatchHeader(bytes, at);
    if (header.recordsCount > 0) return true;
    at += header.bytes;
  }
  return false;
}

function maxOf(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
