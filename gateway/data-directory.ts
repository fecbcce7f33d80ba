import { access, constants, mkdir, statfs } from "node:fs/promises";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { DataDirectory } from "./api/context.ts";
import { lockDirectory, type DirectoryLock } from "./directory-lock.ts";
import { codeOf } from "./store/file-system.ts";

/** What an operator can do about the system's reasons. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "the file system is read-only",
  EEXIST: "there is a file of that name",
  ENOTDIR: "a part of the path is a file",
  ENOSPC: "the disk is full",
  EIO: "the disk has failed",
};

/**
 * Makes the directory when it is not there, sees that it can be written, and takes it for this process alone. Throws
 * KafkaError KAFKA_STORAGE_ERROR in words for an operator.
 */
export async function takeDataDirectory(path: string): Promise<DirectoryLock> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    tellUnusable(path, cause);
  }
  return lockDirectory(path);
}

/** What operators are told of it. */
export function dataDirectory(path: string): DataDirectory {
  return {
    path,
    space: async () => {
      try {
        const { bsize, blocks, bavail } = await statfs(path, { bigint: true });
        return { totalBytes: blocks * bsize, usableBytes: bavail * bsize };
      } catch {
        // Not every file system tells.
        return undefined;
      }
    },
  };
}

/**
 * Throws what an error of the system means for whoever runs the gateway, as KafkaError KAFKA_STORAGE_ERROR; other errors
 * as they are.
 */
export function tellUnusable(path: string, cause: unknown): never {
  const code = codeOf(cause);
  if (code === undefined) throw cause;
  const reason = REASONS[code] ?? (cause instanceof Error ? cause.message : code);
  const advice = code === "ENOSPC" ? "make room on it, or choose another" : "choose another";
  throw new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `the data directory ${path} cannot be used: ${reason}; ${advice} with --data-dir`,
    { cause },
  );
}
