/** Calls that take more than one try: a descriptor when there is none, a write or a read that stops short. */
import type { Clock } from "../../log/clock.ts";
import { codeOf, type FileSystem } from "./file-system.ts";

/** How often, and how long after each other, a file is asked for while all descriptors are taken: half a minute in all. */
const DESCRIPTOR_ATTEMPTS_MAX = 1500;
const DESCRIPTOR_WAIT_MS = 20;

/**
 * Runs a call that opens a file. Sockets take their descriptors from the same stock: when clients have used it up, the call
 * waits until some are given back. Failing at once would fence a partition for as long as the process lives.
 */
export async function withDescriptor<T>(clock: Clock, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const code = codeOf(error);
      if ((code !== "EMFILE" && code !== "ENFILE") || attempt === DESCRIPTOR_ATTEMPTS_MAX) throw error;
    }
    await new Promise<void>((resolve) => void clock.setTimer(DESCRIPTOR_WAIT_MS, resolve));
  }
}

/** Writes all pieces at `position`, whatever the number of system calls it takes. */
export async function writeAll(
  files: FileSystem,
  fd: number,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = pieces.filter((piece) => piece.length > 0);
  while (rest.length > 0) {
    const written = await files.write(fd, rest, position);
    if (written === 0) throw new Error("the file system wrote nothing and gave no error");
    position += written;
    rest = after(rest, written);
  }
}

/** Bytes from `position` in memory that nobody has: fewer than fit only at the end of the file. `isFresh`: as `FileSystem.read`. */
export async function readFully(
  files: FileSystem,
  fd: number,
  position: number,
  bytes: Uint8Array,
  isFresh: boolean,
): Promise<Uint8Array> {
  const { length } = bytes;
  let filled = 0;
  while (filled < length) {
    const count = await files.read(fd, bytes, filled, position + filled, isFresh);
    if (count === 0) return bytes.slice(0, filled);
    filled += count;
  }
  return bytes;
}

/** What is left of `pieces` when `written` bytes of them are done. */
function after(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (written >= piece.length) written -= piece.length;
    else {
      rest.push(piece.subarray(written));
      written = 0;
    }
  }
  return rest;
}
