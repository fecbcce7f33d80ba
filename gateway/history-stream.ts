import { historyPieces, type HistoryRequest } from "./api/history.ts";

/** What is asked of an HTTP response; uWebSockets' own fits. Nothing may be called after it was aborted. */
export interface StreamedResponse {
  onAborted(aborted: () => void): unknown;
  onWritable(writable: () => boolean): unknown;
  cork(write: () => void): unknown;
  /** False: what the kernel has not taken is buffered, and `onWritable` follows. */
  write(bytes: Uint8Array): boolean;
  end(): unknown;
  close(): unknown;
}

/**
 * Bytes that are written at once. Together with a chunk's header they fit the library's cork buffer (16 KiB): with larger
 * writes, on a connection that has answered before and whose reader is slow, stray bytes as long as a chunk's header
 * were seen in the middle of a chunk. Why is not known for certain; with these they were not seen again.
 */
export const WRITE_BYTES = 12 * 1024;

/** Streams one part after the other, each when the socket has taken the one before. */
export async function sendHistory(res: StreamedResponse, request: HistoryRequest): Promise<void> {
  let aborted = false;
  let resume: (() => void) | undefined;
  const wake = (): void => void setImmediate(() => resume?.());
  res.onAborted(() => {
    aborted = true;
    wake();
  });
  res.onWritable(() => {
    wake();
    return true;
  });
  try {
    for await (const pieces of historyPieces(request)) {
      for (const part of parts(pieces)) {
        if (aborted) return;
        let taken = true;
        res.cork(() => void (taken = res.write(part)));
        if (taken) continue;
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
        resume = undefined;
      }
    }
    if (!aborted) res.cork(() => void res.end());
  } catch (error) {
    // The status has been sent: only an answer that ends too soon can tell the client.
    setImmediate(() => void (aborted || res.close()));
    throw error;
  }
}

function* parts(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; at += WRITE_BYTES) yield piece.subarray(at, at + WRITE_BYTES);
  }
}
