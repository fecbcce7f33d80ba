/** The log's store on a disk: one directory, plain files. */
import { mkdir, readdir, readFile, rename, rm, rmdir, unlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { Store, StoreFile } from "../log/store.ts";
import { closeFile, fileStatus, openFile, syncFile, withDescriptor, writeAll } from "./file-calls.ts";
import { Descriptors } from "./file-descriptors.ts";
import { Limit } from "./file-limit.ts";
import { pathOf, TEMPORARY_SUFFIX } from "./file-names.ts";
import { AppendFile } from "./file-append.ts";

export interface FileStoreOptions {
  /** Files that are open at the same time; those in use may exceed it. */
  openFilesMax?: number;
  /** Syncs at the same time: half of libuv's pool, so that reads and writes are never stuck behind a slow disk. */
  syncsMax?: number;
}

const OPEN_FILES_MAX = 512;
const SYNCS_MAX = 8;

export class FileStore implements Store {
  private readonly directory: string;
  private readonly descriptors: Descriptors;
  private readonly syncs: Limit;
  private readonly opened = new Map<string, AppendFile>();
  private readonly opening = new Map<string, Promise<AppendFile>>();
  /** The write of a small file that a next one of the same name waits for. */
  private readonly writing = new Map<string, Promise<void>>();
  /** Directories whose own entries are known to be durable. */
  private readonly durableDirectories = new Set<string>();

  private constructor(directory: string, options: FileStoreOptions) {
    this.directory = directory;
    this.descriptors = new Descriptors(options.openFilesMax ?? OPEN_FILES_MAX);
    this.syncs = new Limit(options.syncsMax ?? SYNCS_MAX);
  }

  /** Creates the directory when it is not there, and removes what writes cut short by a crash have left. */
  static async open(directory: string, options: FileStoreOptions = {}): Promise<FileStore> {
    await mkdir(directory, { recursive: true });
    for (const path of await filesBelow(directory))
      if (path.endsWith(TEMPORARY_SUFFIX)) await rm(path, { force: true });
    return new FileStore(directory, options);
  }

  async list(prefix: string): Promise<string[]> {
    const slash = prefix.lastIndexOf("/");
    const start = slash < 0 ? this.directory : pathOf(this.directory, prefix.slice(0, slash));
    const paths = await filesBelow(start);
    return paths
      .filter((path) => !path.endsWith(TEMPORARY_SUFFIX))
      .map((path) => relative(this.directory, path).split(sep).join("/"))
      .filter((name) => name.startsWith(prefix))
      .sort();
  }

  async open(name: string): Promise<StoreFile> {
    const known = this.opened.get(name) ?? this.opening.get(name);
    if (known !== undefined) return known;
    const opening = this.openNew(name, pathOf(this.directory, name));
    this.opening.set(name, opening);
    try {
      const file = await opening;
      this.opened.set(name, file);
      return file;
    } finally {
      this.opening.delete(name);
    }
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    try {
      const path = pathOf(this.directory, name);
      const bytes = await withDescriptor(() => readFile(path));
      return new Uint8Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = pathOf(this.directory, name);
    const before = this.writing.get(name) ?? Promise.resolve();
    const write = before.catch(() => {}).then(() => this.replace(name, path, bytes));
    this.writing.set(name, write);
    try {
      await write;
    } finally {
      if (this.writing.get(name) === write) this.writing.delete(name);
    }
  }

  async delete(names: readonly string[]): Promise<void> {
    const directories = new Set<string>();
    for (const name of names) {
      const path = pathOf(this.directory, name);
      await this.opened.get(name)?.close();
      const removed = await unlink(path).then(() => true, ignoring("ENOENT", "ENOTDIR"));
      if (removed === true) directories.add(dirname(path));
    }
    for (const directory of directories) await this.afterDelete(directory);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.opening.values());
    await Promise.all([...this.opened.values()].map((file) => file.close()));
    await Promise.allSettled(this.writing.values());
    await this.descriptors.closeAll();
  }

  private async openNew(name: string, path: string): Promise<AppendFile> {
    const fd = await this.inDirectory(dirname(path), () => openOrCreate(path));
    const { size } = await fileStatus(fd);
    const file = new AppendFile(name, path, size, {
      descriptors: this.descriptors,
      syncs: this.syncs,
      syncEntry: () => this.syncEntry(dirname(path)),
      closed: () => void this.opened.delete(name),
    });
    this.descriptors.adopt(file, fd);
    return file;
  }

  private async replace(name: string, path: string, bytes: Uint8Array): Promise<void> {
    const temporary = path + TEMPORARY_SUFFIX;
    const fd = await this.inDirectory(dirname(path), () => openFile(temporary, "w"));
    try {
      await writeAll(fd, [bytes], 0);
      await this.syncs.run(() => syncFile(fd));
    } finally {
      await closeFile(fd);
    }
    await this.opened.get(name)?.close();
    await rename(temporary, path);
    await this.syncEntry(dirname(path));
  }

  /** Runs `task`, which creates a file, and creates its directory when it turns out not to be there. */
  private async inDirectory<T>(directory: string, task: () => Promise<T>): Promise<T> {
    // Twice, because a delete may remove the directory, empty again, between the two steps.
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        return await task();
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error;
        await mkdir(directory, { recursive: true });
      }
    }
    return task();
  }

  /** Makes the entries of a directory durable, and the directory's own. */
  private async syncEntry(directory: string): Promise<void> {
    await this.syncDirectory(directory);
    for (let at = directory; at !== this.directory && !this.durableDirectories.has(at); at = dirname(at)) {
      await this.syncDirectory(dirname(at));
      this.durableDirectories.add(at);
    }
  }

  private async syncDirectory(directory: string): Promise<void> {
    // Windows keeps directory entries durable by itself and refuses to sync them.
    if (process.platform === "win32") return;
    const fd = await openFile(directory, "r");
    try {
      await this.syncs.run(() => syncFile(fd));
    } finally {
      await closeFile(fd);
    }
  }

  private async afterDelete(directory: string): Promise<void> {
    await this.syncDirectory(directory);
    for (let at = directory; at !== this.directory; at = dirname(at)) {
      const removed = await rmdir(at).then(
        () => true,
        ignoring("ENOTEMPTY", "EEXIST", "ENOENT", "EPERM", "EBUSY"),
      );
      if (removed !== true) return;
      this.durableDirectories.delete(at);
      await this.syncDirectory(dirname(at));
    }
  }
}

async function openOrCreate(path: string): Promise<number> {
  try {
    return await openFile(path, "r+");
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return openFile(path, "wx+");
  }
}

/** Paths of all regular files below a directory that may not be there. */
async function filesBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  const pending = [directory];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const entries = await withDescriptor(() => readdir(at, { withFileTypes: true })).catch(
      ignoring("ENOENT", "ENOTDIR"),
    );
    for (const entry of entries ?? []) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) found.push(path);
    }
  }
  return found;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Takes errors of these codes for `undefined`, and throws all others. */
function ignoring(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error) ?? "")) throw error;
    return undefined;
  };
}
