/**
 * Node's file calls on bare descriptors, as promises. FileHandle objects cost more per call and are closed by the garbage
 * collector, which must never happen to a descriptor that has bytes to be synced.
 */
import fs from "node:fs";
import { mkdir, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { promisify } from "node:util";
import type { DirectoryEntry, FileSystem, OpenFlags } from "./store/file-system.ts";
import { quickCalls } from "./store/quick-calls.ts";

const close = promisify(fs.close);
const sync = promisify(fs.fsync);
const status = promisify(fs.fstat);

const nowMs = (): number => performance.now();
/** Apart: a disk that holds writers back may have all in its memory that is read. */
const quickWrite = quickCalls({ nowMs, bytesMax: 1024 * 1024 });
const quickRead = quickCalls({ nowMs, bytesMax: 128 * 1024 });

/** The files of this machine. */
export const nodeFileSystem: FileSystem = {
  open,
  close,
  size: async (fd) => (await status(fd)).size,
  // Node's own pool is never used: the bytes are handed out, and must share their memory with nobody.
  allocate: (length) => new Uint8Array(Buffer.allocUnsafeSlow(length).buffer),
  read(fd, into, at, position, isFresh) {
    const elsewhere = (): Promise<number> =>
      new Promise((resolve, reject) => {
        fs.read(fd, into, at, into.length - at, position, (error, count) =>
          error === null ? resolve(count) : reject(error),
        );
      });
    if (!isFresh) return elsewhere();
    const bytes = into.length - at;
    return quickRead(bytes, () => fs.readSync(fd, into, at, bytes, position), elsewhere);
  },
  write: (fd, pieces, position) =>
    quickWrite(
      pieces.reduce((sum, piece) => sum + piece.length, 0),
      () => fs.writevSync(fd, pieces, position),
      () =>
        new Promise((resolve, reject) => {
          fs.writev(fd, pieces, position, (error, written) =>
            error === null ? resolve(written) : reject(error),
          );
        }),
    ),
  truncate: promisify(fs.ftruncate),
  sync,
  syncData: promisify(fs.fdatasync),
  async syncDirectory(path) {
    // Windows keeps directory entries durable by itself and refuses to sync them.
    if (process.platform === "win32") return;
    const fd = await open(path, "r");
    try {
      await sync(fd);
    } finally {
      await close(fd);
    }
  },
  list: async (path) => (await readdir(path, { withFileTypes: true })).map(entryOf),
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },
  removeDirectory: (path) => rmdir(path),
  rename,
  unlink,
};

function open(path: string, flags: OpenFlags): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

function entryOf(entry: fs.Dirent): DirectoryEntry {
  if (entry.isFile()) return { name: entry.name, kind: "file" };
  return { name: entry.name, kind: entry.isDirectory() ? "directory" : "other" };
}
