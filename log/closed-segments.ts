/**
 * Closed segments as files that never change: what they cover, which bytes they have, and a digest that tells the contents
 * apart that one range has over time (before and after compaction, or after a history was cut back).
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Engine } from "./engine.ts";
import { SCAN_PIECE_BYTES } from "./limits.ts";
import type { ReadView } from "./segment-reader.ts";
import { readWhole, type Segment } from "./segment.ts";

export interface ClosedSegment {
  /** The range of offsets that it covers is [from, to), holes included. */
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: number;
  /**
   * CRC32C of its bytes: eight hexadecimal digits. Reads the whole segment when it is asked for the first time, as long as
   * `isWanted` by somebody who has asked. Throws KafkaError KAFKA_STORAGE_ERROR where batches do not join, REQUEST_TIMED_OUT where
   * nobody wants it any more, and as `read`.
   */
  digest(isWanted?: () => boolean): Promise<string>;
  /** Bytes from `position`, fewer only at the end. Throws KafkaError OFFSET_OUT_OF_RANGE once the log has let go of the segment. */
  read(position: number, bytes: number): Promise<Uint8Array>;
}

/** What is asked of the partition. */
export interface ClosedSegmentsHost {
  readonly engine: Engine;
  view(): ReadView;
  /** Reads while nothing is exchanged, and while the partition is there. */
  read<T>(begin: () => Promise<T>): Promise<T>;
}

/** A digest that is known, or is being read for some. */
interface Digest {
  readonly value: Promise<string>;
  /** Whether one of those wants it still; undefined once it is known. */
  wanted: Set<() => boolean> | undefined;
}

export class ClosedSegments {
  private readonly host: ClosedSegmentsHost;
  private readonly digests = new WeakMap<Segment, Digest>();

  constructor(host: ClosedSegmentsHost) {
    this.host = host;
  }

  /** Those that begin at `from` or later, in offset order: whole above the log start, whole below the high watermark. */
  from(from: bigint): ClosedSegment[] {
    const { segments, start, end } = this.host.view();
    const first = from < start ? start : from;
    const closed: ClosedSegment[] = [];
    for (const [index, segment] of segments.entries()) {
      const to = segments[index + 1]?.baseOffset;
      if (to === undefined || to > end) break;
      const isWhole = segment.bytes > 0 && segment.readableBytes === segment.bytes;
      if (segment.baseOffset >= first && isWhole) closed.push(this.closed(segment, to));
    }
    return closed;
  }

  private closed(segment: Segment, to: bigint): ClosedSegment {
    const { bytes, baseOffset: from } = segment;
    return {
      from,
      to,
      bytes,
      digest: (isWanted = always) => this.digest(segment, bytes, isWanted),
      read: (position, wanted) => this.read(segment, position, Math.min(wanted, bytes - position)),
    };
  }

  private read(segment: Segment, position: number, bytes: number): Promise<Uint8Array> {
    return this.host.read(async () => {
      const { file } = this.here(segment);
      const piece = await file?.read(position, bytes);
      checkSound(segment);
      if (piece?.length === bytes) return piece;
      throw new KafkaError(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `${segment.name} ends before byte ${position + bytes}: restore the file from a replica or a backup`,
      );
    });
  }

  private digest(segment: Segment, bytes: number, isWanted: () => boolean): Promise<string> {
    const known = this.digests.get(segment);
    if (known !== undefined) {
      known.wanted?.add(isWanted);
      return known.value;
    }
    const wanted = new Set([isWanted]);
    const value = this.digestOf(segment, bytes, wanted).finally(() => (reading.wanted = undefined));
    const reading: Digest = { value, wanted };
    this.digests.set(segment, reading);
    // What failed is tried again by whoever asks next.
    value.catch(() => {
      if (this.digests.get(segment)?.value === value) this.digests.delete(segment);
    });
    return value;
  }

  /** Offsets and leader epochs lie outside of the batches' own checksums: that they join is looked at here, once for all readers. */
  private async digestOf(
    segment: Segment,
    bytes: number,
    wanted: ReadonlySet<() => boolean>,
  ): Promise<string> {
    let crc = 0;
    let next = segment.baseOffset;
    for (let position = 0; position < bytes;) {
      const whole = await this.host.read(() => {
        const { epoch } = this.host.view();
        return readWhole(this.here(segment), position, SCAN_PIECE_BYTES, bytes, {
          offset: epoch === undefined ? undefined : next,
          epochMax: epoch ?? Infinity,
        });
      });
      checkSound(segment);
      crc = this.host.engine.crc32c(whole.bytes, crc);
      position += whole.bytes.length;
      next = whole.to;
      if (position < bytes && ![...wanted].some((isWanted) => isWanted())) throw this.givenUp(segment);
    }
    return crc.toString(16).padStart(8, "0");
  }

  /** At once: who asks from now on has it read anew. */
  private givenUp(segment: Segment): KafkaError {
    this.digests.delete(segment);
    return new KafkaError(
      ErrorCode.REQUEST_TIMED_OUT,
      `nobody waits for the digest of ${segment.name} any more: ask again`,
    );
  }

  private here(segment: Segment): Segment {
    if (this.host.view().segments.includes(segment)) {
      checkSound(segment);
      return segment;
    }
    throw new KafkaError(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `${segment.name} is no longer a segment of the log: retention or compaction has taken it; read by offset`,
    );
  }
}

const always = (): boolean => true;

/** The segment was whole when it was listed; a sync of it may have failed since. */
function checkSound({ name, bytes, readableBytes }: Segment): void {
  if (readableBytes === bytes) return;
  throw new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${name} is in doubt from byte ${readableBytes} on, where a sync has failed: free or repair the disk, then restart the node`,
  );
}
