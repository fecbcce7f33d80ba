/** A closed segment, read under the URL of its own: whole batches in order, going on where a body broke off. */
import { BATCH_HEADER_BYTES } from "../engine-as/format.ts";
import { BatchHeader } from "../log/batch.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { HISTORY_FRAME_BYTES_MAX } from "./history-frames.ts";
import type { ClosedSegmentSource, ListedSegment, PartitionName } from "./history.ts";
import { batchesOf } from "./joined-range.ts";
import type { DataRange } from "./joined-range.ts";

/** How often in a row a body may break off before it brings something new. */
const FRUITLESS_MAX = 2;

export interface SegmentRead {
  readonly source: ClosedSegmentSource;
  readonly partition: PartitionName;
  readonly segment: ListedSegment;
  readonly highWatermark: bigint;
  /** Bytes that are handed on at once, about. */
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  readonly token: string | undefined;
}

/**
 * The ranges of a segment, from its first offset to its last. Throws KafkaError CORRUPT_MESSAGE for bytes that are not what the
 * list said, and what the source throws when it breaks off again and again, or does not have the segment.
 */
export async function* segmentRanges(read: SegmentRead): AsyncGenerator<DataRange, void, void> {
  const { source, partition, segment, signal, token } = read;
  const batches = new BatchAssembler(read);
  let fruitless = 0;
  while (!batches.isDone) {
    const position = batches.taken;
    let failure: unknown;
    try {
      for await (const piece of source.read(partition, segment, position, signal, token)) {
        const range = batches.take(piece);
        if (range !== undefined) yield range;
      }
    } catch (error) {
      if (signal.aborted || batches.isWrong) throw error;
      failure = error;
    }
    const range = batches.breakOff();
    if (range !== undefined) yield range;
    fruitless = batches.taken > position ? 0 : fruitless + 1;
    if (fruitless <= FRUITLESS_MAX) continue;
    throw new KafkaError(
      ErrorCode.NETWORK_EXCEPTION,
      `the segment ${segment.from}-${segment.to} of partition ${partition.partition} cannot be had from byte ${position} on`,
      { cause: failure },
    );
  }
}

/** Puts batches together from pieces of any size. */
class BatchAssembler {
  /** Bytes of the segment that were handed on. */
  taken = 0;
  /** It got bytes that are not this segment's: asking again would bring the same. */
  isWrong = false;
  private readonly segment: ListedSegment;
  private readonly highWatermark: bigint;
  private readonly bytesMax: number;
  private expected: bigint;
  private pieces: Uint8Array[] = [];
  private length = 0;
  /** So many bytes are waited for: more than `bytesMax` where one batch takes more. */
  private wanted: number;

  constructor({ segment, highWatermark, bytesMax }: SegmentRead) {
    this.segment = segment;
    this.highWatermark = highWatermark;
    this.bytesMax = bytesMax;
    this.wanted = bytesMax;
    this.expected = segment.from;
  }

  get isDone(): boolean {
    return this.taken === this.segment.bytes;
  }

  /** The range that has come whole; what did not make a whole batch comes again. */
  breakOff(): DataRange | undefined {
    const range = this.length === 0 ? undefined : this.whole(false);
    this.pieces = [];
    this.length = 0;
    this.wanted = this.bytesMax;
    return range;
  }

  /** The next range, as soon as there is enough of it. */
  take(piece: Uint8Array): DataRange | undefined {
    this.pieces.push(piece);
    this.length += piece.byteLength;
    const here = this.taken + this.length;
    if (here > this.segment.bytes) throw this.wrong(`has more than its ${this.segment.bytes} bytes`);
    const isEnd = here === this.segment.bytes;
    return isEnd || this.length >= this.wanted ? this.whole(isEnd) : undefined;
  }

  private whole(isEnd: boolean): DataRange | undefined {
    const { segment, expected: from } = this;
    const bytes = concat(this.pieces, this.length);
    let end = 0;
    let to = from;
    for (const batch of batchesOf(bytes)) {
      const { baseOffset, lastOffset } = batch.header;
      if (baseOffset < to || lastOffset < baseOffset || lastOffset >= segment.to)
        throw this.wrong(`has offsets ${baseOffset} to ${lastOffset} where ${to} comes next`);
      end = batch.at + batch.bytes;
      to = lastOffset + 1n;
    }
    if (isEnd && end !== bytes.byteLength) throw this.wrong("ends within a batch");
    const rest = bytes.slice(end);
    this.pieces = [rest];
    this.length = rest.byteLength;
    this.wanted = Math.max(this.bytesMax, this.sizeOfFirst(rest));
    if (end === 0) return undefined;
    this.taken += end;
    this.expected = isEnd ? segment.to : to;
    const records = bytes.subarray(0, end);
    return { kind: "data", from, to: this.expected, records, highWatermark: this.highWatermark };
  }

  private sizeOfFirst(bytes: Uint8Array): number {
    if (bytes.byteLength < BATCH_HEADER_BYTES) return BATCH_HEADER_BYTES;
    const size = new BatchHeader(bytes).bytes;
    if (size > bytes.byteLength && size <= HISTORY_FRAME_BYTES_MAX) return size;
    throw this.wrong(`holds a batch that says it has ${size} bytes`);
  }

  private wrong(what: string): KafkaError {
    this.isWrong = true;
    const { from, to } = this.segment;
    return new KafkaError(ErrorCode.CORRUPT_MESSAGE, `the segment ${from}-${to} ${what}`);
  }
}

function concat(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
