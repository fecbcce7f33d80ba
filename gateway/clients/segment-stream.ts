/** Sends a part of a closed segment as the body of an HTTP response whose length is known. */
import type { ByteRange } from "../api/closed-segments.ts";
import type { Lifetime } from "../api/lifetime.ts";
import type { Clock } from "../../log/clock.ts";
import type { ClosedSegment } from "../../log/closed-segments.ts";

/** What is asked of an HTTP response; uWebSockets' own fits. Nothing may be called after it was aborted. */
export interface SizedResponse {
  onAborted(aborted: () => void): unknown;
  onWritable(writable: (offset: number) => boolean): unknown;
  cork(write: () => void): unknown;
  /** Bytes of the body that were taken so far. */
  getWriteOffset(): number;
  /** Whether all was taken, and whether the body is complete. What was not taken is to be given again. */
  tryEnd(bytes: Uint8Array, totalBytes: number): [ok: boolean, done: boolean];
  close(): unknown;
}

/** Bytes that are read at once, and held while the socket takes them. */
const PIECE_BYTES = 512 * 1024;

/** The status and the headers have been written; cuts the answer off at `stop`. Throws what reading the log throws. */
export async function sendSegment(
  res: SizedResponse,
  segment: ClosedSegment,
  { first, end }: ByteRange,
  clock: Clock,
  stop: Lifetime,
): Promise<void> {
  let isOver = false;
  let resume: (() => void) | undefined;
  const wake = (): void => clock.defer(() => resume?.());
  const cutOff = (): void => {
    if (isOver) return;
    isOver = true;
    res.close();
    resume?.();
  };
  res.onAborted(() => {
    isOver = true;
    wake();
  });
  res.onWritable(() => {
    wake();
    return true;
  });
  stop.onEnd(() => clock.defer(cutOff));
  const total = end - first;
  try {
    for (let position = first; position < end;) {
      const piece = await segment.read(position, Math.min(PIECE_BYTES, end - position));
      const pieceEnd = position + piece.byteLength;
      while (position < pieceEnd) {
        if (isOver) return;
        const rest = piece.subarray(piece.byteLength - (pieceEnd - position));
        res.cork(() => {
          const [isTaken, isDone] = res.tryEnd(rest, total);
          isOver = isDone;
          position = isTaken || isDone ? pieceEnd : first + res.getWriteOffset();
        });
        if (isOver || position === pieceEnd) continue;
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
        resume = undefined;
      }
    }
  } catch (error) {
    // The length has been sent: only an answer that ends too soon can tell the client.
    clock.defer(cutOff);
    throw error;
  }
}
