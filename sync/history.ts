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
