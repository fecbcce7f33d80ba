/**
 * Both sparse indexes of one segment, in Kafka's formats and by Kafka's rule: before a batch that begins more than
 * `index.interval.bytes` after the last entry, the offset index takes (its last offset, its position) and the time index
 * (the greatest timestamp so far, the last offset of the first batch that had it) when that timestamp is new. Batches that
 * compaction has left without records have none here, whatever their header says of what they held (Kafka counts it, and
 * then finds no record of that time where its index says). The engine's scanner follows the same rule; a test holds the two together.
 */
import { OFFSET_INDEX_ENTRY_BYTES, TIME_INDEX_ENTRY_BYTES } from "../engine-as/format.ts";
import type { Engine } from "./engine.ts";
import { IndexPages } from "./index-pages.ts";

const NO_TIMESTAMP = -1n;
const POSITION_AT = 4;
const TIME_OFFSET_AT = 8;

/** What an index asks of a batch. */
export interface IndexedBatch {
  readonly position: number;
  readonly bytes: number;
  readonly lastOffset: bigint;
  /** Of the records that are in it; -1n: none. */
  readonly maxTimestamp: bigint;
}

/** What was found when a segment was read back. */
export interface StoredIndex {
  offsets: Uint8Array;
  times: Uint8Array;
  /** Size of the segment that they index. */
  segmentBytes: number;
  /** Greatest timestamp of all records and the last offset of the first that had it; -1n: none. */
  maxTimestamp: bigint;
  maxTimestampOffset: bigint;
}

export class SegmentIndex {
  readonly baseOffset: bigint;
  private readonly engine: Engine;
  private readonly intervalBytes: number;
  private readonly offsets: IndexPages;
  private readonly times: IndexPages;
  private sinceEntry: number;
  private max: bigint;
  private maxOffset: bigint;

  constructor(engine: Engine, baseOffset: bigint, intervalBytes: number, stored?: StoredIndex) {
    this.engine = engine;
    this.baseOffset = baseOffset;
    this.intervalBytes = intervalBytes;
    this.offsets = new IndexPages(OFFSET_INDEX_ENTRY_BYTES, stored?.offsets);
    this.times = new IndexPages(TIME_INDEX_ENTRY_BYTES, stored?.times);
    this.sinceEntry = (stored?.segmentBytes ?? 0) - (this.offsets.last()?.getInt32(POSITION_AT) ?? 0);
    this.max = stored?.maxTimestamp ?? NO_TIMESTAMP;
    this.maxOffset = stored?.maxTimestampOffset ?? -1n;
  }

  /** Greatest timestamp in the segment; -1 when it has none. */
  get maxTimestamp(): bigint {
    return this.max;
  }

  /** Last offset of the first batch that has the greatest timestamp. */
  get maxTimestampOffset(): bigint {
    return this.maxOffset;
  }

  /** Bytes of the batches that it knows of: less than the segment has where it was built again, and met damage. */
  get indexedBytes(): number {
    return this.lastPosition + this.sinceEntry;
  }

  /** The next batch of the segment. */
  add(batch: IndexedBatch): void {
    if (batch.maxTimestamp > this.max) {
      this.max = batch.maxTimestamp;
      this.maxOffset = batch.lastOffset;
    }
    if (this.sinceEntry > this.intervalBytes) {
      const entry = this.offsets.push();
      entry.setInt32(0, Number(batch.lastOffset - this.baseOffset));
      entry.setInt32(POSITION_AT, batch.position);
      this.addTime();
      this.sinceEntry = 0;
    }
    this.sinceEntry += batch.bytes;
  }

  /** Ends the time index with the greatest timestamp of all, as Kafka does when a segment is rolled or closed. */
  seal(): void {
    this.addTime();
  }

  /** Whether an index of at most `bytesMax` bytes has no room for another entry (in the time index: but the one that seals it). */
  isFull(bytesMax: number): boolean {
    return (
      this.offsets.entries >= Math.floor(bytesMax / OFFSET_INDEX_ENTRY_BYTES) ||
      this.times.entries >= Math.floor(bytesMax / TIME_INDEX_ENTRY_BYTES) - 1
    );
  }

  /** A position at or before the batch that holds `offset`, where a batch begins. */
  positionBefore(offset: bigint): number {
    const relative = Number(offset - this.baseOffset);
    const page = this.offsets.pageOfLast((entry) => entry.getInt32(0) <= relative);
    return page === undefined ? 0 : this.engine.lookupOffset(page, relative);
  }

  /** The last position before `position` that has an entry, where a batch begins; 0 when none has. */
  positionBelow(position: number): number {
    const page = this.offsets.pageOfLast((entry) => entry.getInt32(POSITION_AT) < position);
    if (page === undefined) return 0;
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    let at = page.byteLength - OFFSET_INDEX_ENTRY_BYTES;
    while (view.getInt32(at + POSITION_AT) >= position) at -= OFFSET_INDEX_ENTRY_BYTES;
    return view.getInt32(at + POSITION_AT);
  }

  /** An offset at or before the first record whose timestamp is not less than `timestamp`. */
  offsetBefore(timestamp: bigint): bigint {
    const page = this.times.pageOfLast((entry) => entry.getBigInt64(0) < timestamp);
    return this.baseOffset + BigInt(page === undefined ? 0 : this.engine.lookupTime(page, timestamp));
  }

  /** Position of the last batch that has an entry; 0 when none has. */
  get lastPosition(): number {
    return this.offsets.last()?.getInt32(POSITION_AT) ?? 0;
  }

  offsetBytes(): Uint8Array {
    return this.offsets.bytes();
  }

  timeBytes(): Uint8Array {
    return this.times.bytes();
  }

  private addTime(): void {
    if (this.max <= (this.times.last()?.getBigInt64(0) ?? NO_TIMESTAMP)) return;
    const entry = this.times.push();
    entry.setBigInt64(0, this.max);
    entry.setInt32(TIME_OFFSET_AT, Number(this.maxOffset - this.baseOffset));
  }
}
