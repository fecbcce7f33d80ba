/**
 * Push: a range of a partition that the server sends without being asked for it each time (`PROTOCOL.md`). The frame
 * does not name its receiver, so one frame serves all of them.
 */
import { ErrorCode, KafkaError } from "./errors.ts";
import { asKafkaError } from "./malformed.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** Stands where the correlation id of an answer would: no request has it. */
const CORRELATION_ID = -1;
const VERSION = 0;

/** Bytes in front of the record batches. */
export const PUSH_HEADER_BYTES = 63;

export interface PushFrame {
  /**
   * NONE: the records cover [from, to). OFFSET_OUT_OF_RANGE: [from, to) is gone, pushes go on at `to`. Anything else ends
   * the subscription.
   */
  errorCode: number;
  topicId: string;
  partition: number;
  leaderEpoch: number;
  highWatermark: bigint;
  lastStableOffset: bigint;
  from: bigint;
  to: bigint;
  /** Whole record batches in offset order; none where the range holds no record. */
  records: Uint8Array;
}

/** The frame's bytes up to its record batches, which follow as they are. Throws KafkaError INVALID_REQUEST. */
export function encodePushHeader(frame: Omit<PushFrame, "records">): Uint8Array {
  const writer = new Writer(PUSH_HEADER_BYTES);
  try {
    writer.int32(CORRELATION_ID);
    writer.int8(VERSION);
    writer.int16(frame.errorCode);
    writer.uuid(frame.topicId);
    writer.int32(frame.partition);
    writer.int32(frame.leaderEpoch);
    writer.int64(frame.highWatermark);
    writer.int64(frame.lastStableOffset);
    writer.int64(frame.from);
    writer.int64(frame.to);
  } catch (error) {
    throw asKafkaError(error, ErrorCode.INVALID_REQUEST, "a Push cannot be written");
  }
  const [header] = writer.finish();
  return header ?? new Uint8Array(0);
}

/**
 * A whole frame; `records` is a view on `message`. Whether the batches are sound and whether ranges join is for the
 * caller to check. Throws KafkaError: INVALID_REQUEST, or UNSUPPORTED_VERSION for a later form of the frame.
 */
export function decodePush(message: Uint8Array): PushFrame {
  const reader = new Reader(message, 0, 0);
  try {
    const correlationId = reader.int32();
    if (correlationId !== CORRELATION_ID) reader.fail(`correlation id ${correlationId} is no Push`);
    const version = reader.int8();
    if (version !== VERSION) {
      throw new KafkaError(
        ErrorCode.UNSUPPORTED_VERSION,
        `Push version ${version} is not supported; update this client`,
      );
    }
    const frame = {
      errorCode: reader.int16(),
      topicId: reader.uuid(),
      partition: reader.int32(),
      leaderEpoch: reader.int32(),
      highWatermark: reader.int64(),
      lastStableOffset: reader.int64(),
      from: reader.int64(),
      to: reader.int64(),
      records: reader.slice(reader.remaining),
    };
    if (frame.from < 0n || frame.to < frame.from) reader.fail(`a range from ${frame.from} to ${frame.to}`);
    return frame;
  } catch (error) {
    throw asKafkaError(error, ErrorCode.INVALID_REQUEST, "a Push is malformed");
  }
}

/** Whether a message from the server is a Push, and no answer. */
export function isPush(message: Uint8Array): boolean {
  if (message.length < 4) return false;
  return new DataView(message.buffer, message.byteOffset, 4).getInt32(0) === CORRELATION_ID;
}
