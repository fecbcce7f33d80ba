/**
 * Node's file calls on bare descriptors, as promises. FileHandle objects cost more per call and are closed by the garbage
 * collector, which must never happen to a descriptor that has bytes to be synced.
 */
import fs from "node:fs";
import { mkdir, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { promisify } from "node:util";
import type { DirectoryEntry, FileSystem, OpenFlags } from "./store/file-system.ts";
import { quickWrites } from "./store/quick-writes.ts";

const close = promisify(fs.close);
const sync = promisify(fs.fsync);
const status = promisify(fs.fstat);

/** The files of this machine. */
export const nodeFileSystem: FileSystem = {
  open,
  close,
  size: async (fd) => (await status(fd)).size,
  // Node's own pool is never used: the bytes are handed out, and must share their memory with nobody.
  allocate: (length) => new Uint8Array(Buffer.allocUnsafeSlow(length).buffer),
  read: (fd, into, at, position) =>
    new Promise((resolve, reject) => {
      fs.read(fd, into, at, into.length - at, position, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    }),
  write: quickWrites({
    nowMs: () => performance.now(),
    here: (fd, pieces, position) => fs.writevSync(fd, pieces, position),
    elsewhere: (fd, pieces, position) =>
      new Promise((resolve, reject) => {
        fs.writev(fd, pieces, position, (error, written) =>
          error === null ? resolve(written) : reject(error),
        );
      }),
  }),
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
