/** One segment: a `.log` file and its indexes. Reading only; what is written comes through the partition's commit queue. */
import { BATCH_HEADER_BYTES } from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { BatchHeader } from "./batch.ts";
import { WALK_PIECE_BYTES } from "./limits.ts";
import type { SegmentIndex } from "./segment-index.ts";
import type { StoreFile } from "./store.ts";

export class Segment {
  readonly baseOffset: bigint;
  readonly name: string;
  /** Undefined from the roll in memory until the roll in the store. */
  file: StoreFile | undefined;
  /** Undefined while it is not loaded, which only a closed segment's may be. */
  index: SegmentIndex | undefined;
  /** Bytes of all batches, those that are not written yet included. */
  bytes = 0;
  /** The offset after its last batch; the base offset while it has none. */
  endOffset: bigint;
  /** Bytes up to the high watermark, or to where a failed sync leaves it in doubt what is there: nothing after them is read. */
  readableBytes = 0;
  /**
   * Greatest timestamp of the records that are readable, -1: none; undefined while a closed segment was not asked for
   * it, or damage hides it.
   */
  maxTimestamp: bigint | undefined;
  /** Greatest timestamp of its first batch, from which its age is counted; -1: none, or not known of a closed segment. */
  firstTimestamp = -1n;
  /** When this process made or opened it, and when it did so or wrote to it last, by its clock: for what has no timestamps. */
  createdMs = 0;
  touchedMs = 0;

  constructor(baseOffset: bigint, name: string) {
    this.baseOffset = baseOffset;
    this.name = name;
    this.endOffset = baseOffset;
  }
}

/** Where a batch begins, and its header. */
export interface FoundBatch {
  readonly position: number;
  readonly header: BatchHeader;
}

/** Headers of the batches from `position`, where one begins, up to `limit`, where one ends. Reads only headers' surroundings. */
export async function* walkHeaders(
  segment: Segment,
  position: number,
  limit: number,
): AsyncGenerator<FoundBatch> {
  const file = openedFile(segment);
  while (position < limit) {
    const piece = await file.read(position, Math.min(WALK_PIECE_BYTES, limit - position));
    if (piece.length < BATCH_HEADER_BYTES) throw damaged(segment, position, "the file ends within a batch");
    let at = 0;
    while (at + BATCH_HEADER_BYTES <= piece.length) {
      const header = new BatchHeader(piece, at);
      checkSize(segment, position + at, header.bytes, limit);
      yield { position: position + at, header };
      at += header.bytes;
    }
    position += at;
  }
}

/** The position of the first batch that reaches up to `offset` or beyond, at or after `position`; `limit` when there is none. */
export async function findOffset(
  segment: Segment,
  offset: bigint,
  position: number,
  limit: number,
): Promise<number> {
  for await (const found of walkHeaders(segment, position, limit)) {
    if (found.header.lastOffset >= offset) return found.position;
  }
  return limit;
}

export interface WholeBatches {
  bytes: Uint8Array;
  /** The offset after the last of them. */
  to: bigint;
}

/**
 * What is known of the batches that are read. Offsets and leader epochs lie outside their checksums: a bit that has flipped
 * there shows only in that they no longer join.
 */
export interface Expected {
  /** The offset that the first of them holds, in a log that has no holes; undefined where there may be some. */
  readonly offset: bigint | undefined;
  /** No batch is of a later epoch. */
  readonly epochMax: number;
}

/** Whole batches from `position`, where one begins, up to `limit`: at least one, and no more than fit into `bytesMax`. */
export async function readWhole(
  segment: Segment,
  position: number,
  bytesMax: number,
  limit: number,
  expected: Expected,
): Promise<WholeBatches> {
  const file = openedFile(segment);
  const wanted = Math.min(Math.max(bytesMax, BATCH_HEADER_BYTES), limit - position);
  const piece = await file.read(position, wanted);
  const first = wholeBatches(segment, position, piece, limit, expected);
  if (first.bytes.length > 0) return first;
  if (piece.length < BATCH_HEADER_BYTES) throw damaged(segment, position, "the file ends within a batch");
  const size = new BatchHeader(piece).bytes;
  return wholeBatches(segment, position, await file.read(position, size), limit, expected);
}

/** The batches at the start of `piece` that are in it whole, up to the first that cannot be the next one. */
function wholeBatches(
  segment: Segment,
  position: number,
  piece: Uint8Array,
  limit: number,
  { offset, epochMax }: Expected,
): WholeBatches {
  let at = 0;
  let to = -1n;
  let epoch = 0;
  while (at + BATCH_HEADER_BYTES <= piece.length) {
    const header = new BatchHeader(piece, at);
    checkSize(segment, position + at, header.bytes, limit);
    if (at + header.bytes > piece.length) break;
    const { baseOffset, lastOffset, leaderEpoch } = header;
    const joins =
      offset === undefined
        ? baseOffset >= to
        : at === 0
          ? baseOffset <= offset && offset <= lastOffset
          : baseOffset === to;
    if (!joins || leaderEpoch < epoch || leaderEpoch > epochMax) {
      if (at > 0) break;
      throw damaged(
        segment,
        position,
        `a batch of offsets ${baseOffset} to ${lastOffset} and epoch ${leaderEpoch} cannot stand there`,
      );
    }
    to = lastOffset + 1n;
    epoch = leaderEpoch;
    at += header.bytes;
  }
  return { bytes: piece.subarray(0, at), to };
}

function checkSize(segment: Segment, position: number, bytes: number, limit: number): void {
  if (bytes < BATCH_HEADER_BYTES || position + bytes > limit) {
    throw damaged(segment, position, `a batch says that it has ${bytes} bytes`);
  }
}

function openedFile(segment: Segment): StoreFile {
  if (segment.file === undefined) throw new Error(`${segment.name} is read before it is there`);
  return segment.file;
}

export function damaged(segment: Segment, position: number, what: string): KafkaError {
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${segment.name} is damaged at byte ${position}: ${what}. Stop the node and restore the file from a replica or a backup`,
  );
}
