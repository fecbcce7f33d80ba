import type { Cluster } from "../../log/cluster.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { framePrefix } from "../../wire/frame-reader.ts";
import { offsetFrom, partitionAt, type PartitionUrl } from "./partition-url.ts";
import { pushMessage, type FollowedLog } from "./push-frame.ts";

/** Bytes of batches in one piece, about. */
const PIECE_BYTES = 512 * 1024;

/** What `GET /log/<topic id>/<partition>?from=<offset>` asks for. */
export interface HistoryRequest {
  log: FollowedLog;
  from: bigint;
  /** The high watermark when it was asked: where the answer ends. */
  to: bigint;
}

/**
 * Understands the parts of the URL. Throws KafkaError: INVALID_REQUEST, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION,
 * OFFSET_OUT_OF_RANGE (beyond the high watermark).
 */
export function historyRequest(
  cluster: Cluster,
  url: PartitionUrl,
  from: string | undefined,
): HistoryRequest {
  const log = partitionAt(cluster, url);
  const offset = offsetFrom(from);
  const to = log.highWatermark;
  if (offset > to) {
    throw new KafkaError(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `offset ${offset} lies beyond the high watermark ${to}`,
    );
  }
  return { log, from: offset, to };
}

/**
 * The pieces of a partition's history: each a length and a Push message, whose ranges join from the first offset to the
 * high watermark of the request. A range that retention has removed comes as a piece that says so.
 */
export async function* historyPieces({
  log,
  from,
  to,
}: HistoryRequest): AsyncGenerator<readonly Uint8Array[]> {
  let next = from;
  while (next < to) {
    const { logStartOffset } = log;
    if (next < logStartOffset) {
      yield framed(
        pushMessage(log, { from: next, to: logStartOffset, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }),
      );
      next = logStartOffset;
      continue;
    }
    const piece = await log.read(next, PIECE_BYTES);
    if (piece.to <= next)
      throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `nothing at offset ${next} below ${to}`);
    yield framed(pushMessage(log, { from: next, to: piece.to, errorCode: ErrorCode.NONE }, [piece.bytes]));
    next = piece.to;
  }
}

function framed(message: Uint8Array): readonly Uint8Array[] {
  return [framePrefix(message.byteLength), message];
}
