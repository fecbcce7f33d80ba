/** What is read of a partition: only below the high watermark, only what no failed sync has left in doubt, never half exchanged. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { type ClosedSegment, ClosedSegments } from "./closed-segments.ts";
import type { Engine } from "./engine.ts";
import { READ_BYTES_MAX } from "./limits.ts";
import type { ReadResult } from "./partition-types.ts";
import { ReadGate } from "./read-gate.ts";
import type { FoundRecord, ReadView, SegmentReader } from "./segment-reader.ts";
import { firstTimestampOf } from "./segment-age.ts";
import type { Segment } from "./segment.ts";
import type { SoundEnd } from "./sound-end.ts";

/** What is asked of the partition, and may be another one at each asking. */
export interface ReadsHost {
  readonly directory: string;
  readonly engine: Engine;
  readonly reader: SegmentReader;
  readonly logStart: () => bigint;
  readonly highWatermark: () => bigint;
  readonly soundEnd: () => SoundEnd;
  readonly view: () => ReadView;
  /** Throws when the partition was closed or deleted. */
  readonly check: () => void;
}

const NOTHING = new Uint8Array(0);

export class PartitionReads {
  readonly gate = new ReadGate();
  private readonly host: ReadsHost;
  private readonly closed: ClosedSegments;

  constructor(host: ReadsHost) {
    this.host = host;
    this.closed = new ClosedSegments({
      engine: host.engine,
      view: host.view,
      read: (begin) => this.begin(begin),
    });
  }

  /** See `PartitionLog.read`. */
  async at(offset: bigint, bytesMax: number): Promise<ReadResult> {
    const { reader, view, soundEnd, highWatermark } = this.host;
    const found = await this.begin(() => {
      this.checkRange(offset);
      if (offset === highWatermark()) return { bytes: NOTHING, from: offset, to: offset };
      soundEnd().check(offset);
      return reader.read(view(), offset, sizeOf(bytesMax));
    });
    // A sync has failed while it was read.
    if (found.to > offset) soundEnd().check(found.to - 1n);
    return found;
  }

  /** See `PartitionLog.readBefore`. */
  async before(offset: bigint, bytesMax: number): Promise<ReadResult> {
    const { reader, view, soundEnd, logStart } = this.host;
    const found = await this.begin(() => {
      this.checkRange(offset);
      if (offset === logStart()) return { bytes: NOTHING, from: offset, to: offset };
      soundEnd().check(offset - 1n);
      return reader.readBefore(view(), offset, sizeOf(bytesMax));
    });
    // As above.
    if (found.from < offset) soundEnd().check(offset - 1n);
    return found;
  }

  /** See `PartitionLog.offsetForTimestamp`. */
  async timestamp(timestamp: bigint): Promise<FoundRecord | undefined> {
    const { reader, view, soundEnd } = this.host;
    const found = await this.begin(() => reader.findTimestamp(view(), timestamp));
    return soundEnd().checkFound(found);
  }

  /** See `PartitionLog.maxTimestamp`. */
  async maxTimestamp(): Promise<FoundRecord | undefined> {
    const { reader, view, soundEnd } = this.host;
    const found = await this.begin(() => reader.findMaxTimestamp(view()));
    // Where anything is in doubt a greater one may be there.
    soundEnd().checkAll();
    return found;
  }

  /** See `PartitionLog.closedSegments`. */
  closedFrom(from: bigint): ClosedSegment[] {
    return this.closed.from(from);
  }

  /** For whoever may take segments away: asked for at once, while none can be. */
  greatestTimestamp(segment: Segment): Promise<bigint> {
    return this.guarded(this.host.reader.maxTimestampOf(segment));
  }

  /** Of its first batch; the same goes for it. */
  firstTimestamp(segment: Segment): Promise<bigint> {
    return this.guarded(firstTimestampOf(segment));
  }

  outOfRange(offset: bigint): KafkaError {
    const { directory, logStart, highWatermark } = this.host;
    return new KafkaError(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `offset ${offset} is not in ${directory}, which has ${logStart()} up to ${highWatermark()}`,
    );
  }

  private checkRange(offset: bigint): void {
    if (offset < this.host.logStart() || offset > this.host.highWatermark()) throw this.outOfRange(offset);
  }

  /** Begins to read when nothing is exchanged, in the tick in which that is known. */
  private async begin<T>(read: () => T | Promise<T>): Promise<T> {
    while (this.gate.closed !== undefined) await this.gate.closed;
    this.host.check();
    const reading = read();
    return reading instanceof Promise ? this.guarded(reading) : reading;
  }

  /** A read that fails because the partition was deleted or closed meanwhile says so. */
  private async guarded<T>(reading: Promise<T>): Promise<T> {
    try {
      return await this.gate.take(reading);
    } catch (error) {
      this.host.check();
      if (error instanceof KafkaError) throw error;
      throw new KafkaError(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `${this.host.directory} cannot be read: ${String(error)}`,
        { cause: error },
      );
    }
  }
}

function sizeOf(bytesMax: number): number {
  return Math.min(Math.max(bytesMax, 1), READ_BYTES_MAX);
}
