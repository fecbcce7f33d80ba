/**
 * Where files are written and read. What the system takes into its cache, or has there, costs less at once than to have
 * another thread do it: two threads' waking each other was a quarter of the event loop's time of a gateway that is written
 * to, and half of the time that a record takes to a reader. But where a disk cannot keep up, the system holds callers back,
 * and the loop must not stand still with them.
 */

/** More milliseconds of calls than this within `WITHIN_MS`: callers are held back, all at once or each a little. */
const HELD_MS_MAX = 20;
const WITHIN_MS = 40;
/** How long calls are made elsewhere then. */
const ELSEWHERE_MS = 2000;
/** After so many bytes made here in all one call is made elsewhere: who reads on and on lets others have their turn. */
const TURN_BYTES = 4 * 1024 * 1024;
/** What a call costs beside its bytes. */
const CALL_BYTES = 16 * 1024;

export interface QuickCallsOptions {
  /** Milliseconds since some moment; never jumps. */
  readonly nowMs: () => number;
  /** Calls of more bytes are made elsewhere: their copying is worth another core. */
  readonly bytesMax: number;
}

/** Makes a call of so many bytes here, and answers before it returns, or in another thread. Rejects with what the call throws. */
export type QuickCalls = <T>(bytes: number, here: () => T, elsewhere: () => Promise<T>) => Promise<T>;

/** Makes calls of one kind here while that is quick, and elsewhere for a while when it was not. */
export function quickCalls({ nowMs, bytesMax }: QuickCallsOptions): QuickCalls {
  let hereFrom = -Infinity;
  /** The calls made here since a moment took so long together. */
  let since = -Infinity;
  let tookMs = 0;
  let turnBytes = 0;
  return async (bytes, here, elsewhere) => {
    const began = nowMs();
    turnBytes += bytes + CALL_BYTES;
    if (began < hereFrom || bytes > bytesMax || turnBytes > TURN_BYTES) {
      turnBytes = 0;
      return elsewhere();
    }
    try {
      return here();
    } finally {
      const ended = nowMs();
      if (ended - since > WITHIN_MS) [since, tookMs] = [began, 0];
      tookMs += ended - began;
      if (tookMs > HELD_MS_MAX) hereFrom = ended + ELSEWHERE_MS;
    }
  };
}
