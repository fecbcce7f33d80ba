/** A body of history, taken apart. */
import { decodePush } from "../wire/push.ts";
import type { PushFrame } from "../wire/push.ts";
import { FrameReader } from "../wire/frame-reader.ts";

/** No frame of history may be larger: one batch of the largest size that a topic may have, and its header. */
export const HISTORY_FRAME_BYTES_MAX = 128 * 1024 * 1024;

/** The frames of a body, in order. Throws KafkaError for bytes that are no frames; a body that ends inside one just ends. */
export async function* historyFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<PushFrame, void, void> {
  const reader = new FrameReader({ frameBytesMax: HISTORY_FRAME_BYTES_MAX });
  for await (const piece of body) {
    for (const message of reader.push(piece)) yield decodePush(message);
  }
}
