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

/** Streams one piece after the other, each when the socket has taken the one before. */
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
      if (aborted) return;
      let taken = true;
      res.cork(() => {
        for (const piece of pieces) taken = res.write(piece);
      });
      if (!taken && !aborted) {
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
        resume = undefined;
      }
      if (aborted) return;
    }
    if (!aborted) res.cork(() => void res.end());
  } catch (error) {
    // The status has been sent: only an answer that ends too soon can tell the client.
    setImmediate(() => void (aborted || res.close()));
    throw error;
  }
}
