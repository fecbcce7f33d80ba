/** History in bulk, over HTTP where the host has it: whole stretches of the log as framed pushes. */
import { decodePush } from "../wire/push.ts";
import type { PushFrame } from "../wire/push.ts";
import { FrameReader } from "../wire/frame-reader.ts";

/**
 * `GET /log/<topic id>/<partition>?from=<offset>`: the body's bytes in pieces of any size. Rejects when it cannot be
 * had. `token`: where somebody is signed in, to be sent in a header and never in the URL.
 */
export interface HistorySource {
  read(
    topicId: string,
    partition: number,
    from: bigint,
    signal: AbortSignal,
    token?: string,
  ): AsyncIterable<Uint8Array>;
  /** Where closed segments have URLs of their own, which caches may keep. */
  readonly closed?: ClosedSegmentSource | undefined;
}

export interface PartitionName {
  readonly topicId: string;
  readonly partition: number;
}

/** A closed segment: whole batches that cover [from, to). */
export interface ListedSegment {
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: number;
  /** Of its bytes, as its URL names it. */
  readonly digest: string;
}

export interface SegmentListing {
  readonly highWatermark: bigint;
  readonly segments: readonly ListedSegment[];
}

export interface ClosedSegmentSource {
  /** Those that begin at `from` or later, in order; perhaps not all. Rejects when the list cannot be had. */
  list(partition: PartitionName, from: bigint, signal: AbortSignal, token?: string): Promise<SegmentListing>;
  /** The bytes of one from `position` on. Rejects when it cannot be had. */
  read(
    partition: PartitionName,
    segment: ListedSegment,
    position: number,
    signal: AbortSignal,
    token?: string,
  ): AsyncIterable<Uint8Array>;
}

/** Body type: a sequence of (int32 length, Push frame). */
export const HISTORY_CONTENT_TYPE = "application/vnd.rivulet.push";

/** No frame of history may be larger: one batch of the largest size that a topic may have, and its header. */
export const HISTORY_FRAME_BYTES_MAX = 128 * 1024 * 1024;

/** The frames of a body, in order. Throws KafkaError for bytes that are no frames; a body that ends inside one just ends. */
export async function* historyFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<PushFrame, void, void> {
  const reader = new FrameReader({ frameBytesMax: HISTORY_FRAME_BYTES_MAX });
  for await (const piece of body) {
    for (const message of reader.push(piece)) yield decodePush(message);
  }
}
