/**
 * Where writes are made. One that the system takes into its cache at once costs less than to have another thread do it: the
 * two threads' waking each other was a quarter of the event loop's time of a gateway that is written to. But where a disk
 * cannot keep up, the system holds writers back, and the loop must not stand still with them.
 */
import type { FileSystem } from "./file-system.ts";

/** More milliseconds of writing than this within `WITHIN_MS`: writers are held back, all at once or each a little. */
const HELD_MS_MAX = 20;
const WITHIN_MS = 40;
/** How long writes are made elsewhere then. */
const ELSEWHERE_MS = 2000;
/** More bytes than this take as long to copy as it takes to ask another thread. */
const BYTES_MAX = 1024 * 1024;

export interface WritesHost {
  /** Milliseconds since some moment; never jumps. */
  readonly nowMs: () => number;
  /** Writes before it returns. Answers how many bytes were written, and throws, as `FileSystem.write` does. */
  readonly here: (fd: number, pieces: readonly Uint8Array[], position: number) => number;
  /** Writes in another thread. */
  readonly elsewhere: FileSystem["write"];
}

/** Writes here while that is quick, and elsewhere for a while when it was not. */
export function quickWrites({ nowMs, here, elsewhere }: WritesHost): FileSystem["write"] {
  let hereFrom = -Infinity;
  /** The writes made here since a moment took so long together. */
  let since = -Infinity;
  let tookMs = 0;
  return async (fd, pieces, position) => {
    const began = nowMs();
    if (began < hereFrom || bytesOf(pieces) > BYTES_MAX) return elsewhere(fd, pieces, position);
    const written = here(fd, pieces, position);
    const ended = nowMs();
    if (ended - since > WITHIN_MS) [since, tookMs] = [began, 0];
    tookMs += ended - began;
    if (tookMs > HELD_MS_MAX) hereFrom = ended + ELSEWHERE_MS;
    return written;
  };
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}
