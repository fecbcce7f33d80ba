/**
 * An index of the last segment that another tab writes, whose own is in that tab's memory: of the batches that were walked when
 * somebody looked, so that the next look goes on from there.
 */
import { BATCH_HEADER_BYTES } from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import { SegmentIndex } from "../../log/segment-index.ts";
import { walkHeaders } from "../../log/segment.ts";
import type { Segment } from "../../log/segment.ts";

interface LastBatch extends Pick<BatchHeader, "bytes" | "baseOffset" | "lastOffset" | "leaderEpoch" | "crc"> {
  readonly position: number;
}

export class WalkedTail {
  private readonly engine: Engine;
  private readonly intervalBytes: number;
  private name: string | undefined;
  private index: SegmentIndex | undefined;
  /** The last batch that is in the index. */
  private last: LastBatch | undefined;
  /** One after the other: each batch is added once. */
  private walking: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, intervalBytes: number) {
    this.engine = engine;
    this.intervalBytes = intervalBytes;
  }

  /** Gives the segment its index, of all that is in it; answers the offset after its last batch. */
  walk(segment: Segment): Promise<bigint> {
    const walk = this.walking.then(() => this.walkOn(segment));
    this.walking = walk.catch(() => undefined);
    return walk;
  }

  private async walkOn(segment: Segment): Promise<bigint> {
    const isSame = segment.name === this.name && (await this.holdsLast(segment));
    if (!isSame || this.index === undefined) {
      this.name = segment.name;
      this.index = new SegmentIndex(this.engine, segment.baseOffset, this.intervalBytes);
      this.last = undefined;
    }
    const { index } = this;
    segment.index = index;
    const from = this.last === undefined ? 0 : this.last.position + this.last.bytes;
    for await (const { position, header } of walkHeaders(segment, from, segment.bytes)) {
      const { bytes, baseOffset, lastOffset, leaderEpoch, crc, maxTimestamp } = header;
      index.add({ position, bytes, lastOffset, maxTimestamp });
      this.last = { position, bytes, baseOffset, lastOffset, leaderEpoch, crc };
    }
    return this.last === undefined ? segment.baseOffset : this.last.lastOffset + 1n;
  }

  /**
   * Whether the file may have grown, and no more: a log whose batch at that place is the same one, by offset, epoch and checksum,
   * is the same before it.
   */
  private async holdsLast(segment: Segment): Promise<boolean> {
    const { last } = this;
    if (last === undefined || segment.bytes < last.position + last.bytes) return false;
    const bytes = await segment.file?.read(last.position, BATCH_HEADER_BYTES);
    if (bytes === undefined || bytes.length < BATCH_HEADER_BYTES) return false;
    const there = new BatchHeader(bytes);
    return (["bytes", "baseOffset", "lastOffset", "leaderEpoch", "crc"] as const).every(
      (name) => there[name] === last[name],
    );
  }
}
