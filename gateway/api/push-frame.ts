import { BatchHeader } from "../../log/batch.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import { encodePushHeader } from "../../wire/push.ts";

/** What pushing needs of a partition. */
export type FollowedLog = Pick<
  PartitionLog,
  | "topic"
  | "topicId"
  | "partition"
  | "leaderEpoch"
  | "logStartOffset"
  | "highWatermark"
  | "fenced"
  | "read"
  | "onAdvance"
  | "onFenced"
>;

/** A Push message and the range of offsets that it covers. */
export interface Frame {
  readonly from: bigint;
  readonly to: bigint;
  readonly message: Uint8Array;
}

/** Bytes of whole batches that cover [from, to). */
export interface Advance {
  readonly from: bigint;
  readonly to: bigint;
  readonly pieces: readonly Uint8Array[];
}

/** One Push message: the header, then the batches; an error code other than NONE says what became of the range. */
export function pushMessage(
  log: FollowedLog,
  range: { from: bigint; to: bigint; errorCode: number },
  pieces: readonly Uint8Array[] = [],
): Uint8Array {
  const header = encodePushHeader({
    errorCode: range.errorCode,
    topicId: log.topicId,
    partition: log.partition,
    leaderEpoch: log.leaderEpoch,
    highWatermark: log.highWatermark,
    lastStableOffset: log.highWatermark,
    from: range.from,
    to: range.to,
  });
  return joined([header, ...pieces]);
}

/** Cuts an advance at batch boundaries into ranges of about `bytesMax`; one batch may be larger. */
export function* cut(advance: Advance, bytesMax: number): Generator<Advance> {
  let from = advance.from;
  let next = advance.from;
  let bytes = 0;
  let pieces: Uint8Array[] = [];
  for (const batch of batches(advance.pieces)) {
    if (bytes > 0 && bytes + batch.byteLength > bytesMax) {
      yield { from, to: next, pieces };
      from = next;
      bytes = 0;
      pieces = [];
    }
    pieces.push(batch);
    bytes += batch.byteLength;
    next = new BatchHeader(batch).lastOffset + 1n;
  }
  yield { from, to: advance.to, pieces };
}

function* batches(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength;) {
      const end = at + new BatchHeader(piece, at).bytes;
      yield piece.subarray(at, end);
      at = end;
    }
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
