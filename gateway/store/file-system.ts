/**
 * What the store asks of a host's file system: POSIX's calls, one for one. Paths are separated by `/`. Errors carry Node's
 * `code` (`ENOENT`, `EMFILE`, ...). Calls may overlap.
 */
import type { Clock } from "../../log/clock.ts";

/** Read; read and write what is there; write from nothing; read and write what must not be there yet. */
export type OpenFlags = "r" | "r+" | "w" | "wx+";

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

export interface FileSystem {
  /** Answers a descriptor: a number that no other open file has. */
  open(path: string, flags: OpenFlags): Promise<number>;
  close(fd: number): Promise<void>;
  /** Bytes of the file. */
  size(fd: number): Promise<number>;
  /** Memory to read into, shared with nobody. What it holds may be anything. */
  allocate(length: number): Uint8Array;
  /**
   * Reads from `position` to the end of `into`, beginning at its byte `at`. Answers how many bytes came: fewer, or at the end
   * none. `isFresh`: this process has written them a moment ago, so that the system has them in its memory.
   */
  read(fd: number, into: Uint8Array, at: number, position: number, isFresh: boolean): Promise<number>;
  /** Writes the pieces one after the other from `position` on. Answers how many bytes were written, which may be fewer. */
  write(fd: number, pieces: readonly Uint8Array[], position: number): Promise<number>;
  truncate(fd: number, size: number): Promise<void>;
  /** Makes the file durable: its bytes and its size. */
  sync(fd: number): Promise<void>;
  /** Makes the bytes durable, and of the rest only what it takes to read them: a file that grew has grown. */
  syncData(fd: number): Promise<void>;
  /** Makes durable which names a directory has; no more than that about the files. */
  syncDirectory(path: string): Promise<void>;
  list(path: string): Promise<DirectoryEntry[]>;
  /** Makes a directory, and those above it that are missing. One that is there is no error. */
  makeDirectory(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDirectory(path: string): Promise<void>;
  /** Gives a file another name in one step; what had that name is gone. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

/** All that the store takes from its host. */
export interface StoreHost {
  readonly files: FileSystem;
  readonly clock: Clock;
}

/** Why a call of a file system failed: Node's code, where the error has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Takes errors of these codes for `undefined`, and throws all others. */
export function ignoring(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error) ?? "")) throw error;
    return undefined;
  };
}
