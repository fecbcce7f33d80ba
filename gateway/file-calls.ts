/**
 * Node's file calls on bare descriptors, as promises. FileHandle objects cost more per call and are closed by the garbage
 * collector, which must never happen to a descriptor that has bytes to be synced.
 */
import fs from "node:fs";
import { promisify } from "node:util";

export const closeFile = promisify(fs.close);
export const syncFile = promisify(fs.fsync);
export const syncFileData = promisify(fs.fdatasync);
export const truncateFile = promisify(fs.ftruncate);
export const fileStatus = promisify(fs.fstat);

/** How often, and how long after each other, a file is asked for while all descriptors are taken: half a minute in all. */
const DESCRIPTOR_ATTEMPTS_MAX = 1500;
const DESCRIPTOR_WAIT_MS = 20;

/**
 * Runs a call that opens a file. Sockets take their descriptors from the same stock: when clients have used it up, the call
 * waits until some are given back. Failing at once would fence a partition for as long as the process lives.
 */
export async function withDescriptor<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if ((code !== "EMFILE" && code !== "ENFILE") || attempt === DESCRIPTOR_ATTEMPTS_MAX) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, DESCRIPTOR_WAIT_MS));
  }
}

export function openFile(path: string, flags: string): Promise<number> {
  return withDescriptor(
    () =>
      new Promise((resolve, reject) => {
        fs.open(path, flags, (error, fd) => (error === null ? resolve(fd) : reject(error)));
      }),
  );
}

/** Writes all pieces at `position`, whatever the number of system calls it takes. */
export async function writeAll(fd: number, pieces: readonly Uint8Array[], position: number): Promise<void> {
  let rest = pieces.filter((piece) => piece.length > 0);
  while (rest.length > 0) {
    const written = await writeSome(fd, rest, position);
    if (written === 0) throw new Error("the file system wrote nothing and gave no error");
    position += written;
    rest = after(rest, written);
  }
}

/** Fresh bytes from `position`, fewer than `length` only at the end of the file. */
export async function readFully(fd: number, position: number, length: number): Promise<Uint8Array> {
  // Node's own pool is never used: the bytes are handed out, and must share their memory with nobody.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  let filled = 0;
  while (filled < length) {
    const count = await readSome(fd, bytes, filled, position + filled);
    if (count === 0) return bytes.slice(0, filled);
    filled += count;
  }
  return bytes;
}

function writeSome(fd: number, pieces: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, pieces, position, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

function readSome(fd: number, into: Uint8Array, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, at, into.length - at, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
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
