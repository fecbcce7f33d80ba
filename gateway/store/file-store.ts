/** The log's store on a disk: one directory, plain files. */
import { LentMemory } from "../../log/lent-memory.ts";
import type { Store, StoreFile } from "../../log/store.ts";
import { AppendFile } from "./file-append.ts";
import { readFully, withDescriptor, writeAll } from "./file-calls.ts";
import { Descriptors } from "./file-descriptors.ts";
import { Limit } from "./file-limit.ts";
import { directoryOf, pathOf, TEMPORARY_SUFFIX, within } from "./file-names.ts";
import { codeOf, ignoring, type FileSystem, type OpenFlags, type StoreHost } from "./file-system.ts";

export interface FileStoreOptions {
  /**
   * Files that are kept open to be written and read; who needs more of them waits. Beside them at most `PASSING_MAX`
   * descriptors are taken for moments: by small files, directories and files that are just being opened.
   */
  openFilesMax?: number;
  /** Syncs at the same time: half of libuv's pool, so that reads and writes are never stuck behind a slow disk. */
  syncsMax?: number;
}

const OPEN_FILES_MAX = 512;
const SYNCS_MAX = 8;
/** Reads of fewer bytes get memory of their own. */
const READ_KEPT_SIZE_MIN = 64 * 1024;
/** What two consumers of sixteen partitions with Kafka's defaults have under way. */
const READ_KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** Descriptors that are taken for one call after the other, and then given back. */
export const PASSING_MAX = 32;

interface DirectorySync {
  readonly running: Promise<void>;
  next?: Promise<void>;
}

export class FileStore implements Store {
  private readonly host: StoreHost;
  private readonly files: FileSystem;
  private readonly directory: string;
  private readonly descriptors: Descriptors;
  private readonly syncs: Limit;
  private readonly memory: LentMemory;
  /** Who takes part here may wait for a sync's turn, and never the other way round. */
  private readonly passing = new Limit(PASSING_MAX);
  private readonly opened = new Map<string, AppendFile>();
  private readonly opening = new Map<string, Promise<AppendFile>>();
  /** The write of a small file that a next one of the same name waits for. */
  private readonly writing = new Map<string, Promise<void>>();
  /** Syncs of directories that are under way, and those that come after them. */
  private readonly directorySyncs = new Map<string, DirectorySync>();
  /** Directories whose own entries are known to be durable. */
  private readonly durableDirectories = new Set<string>();

  private constructor(directory: string, host: StoreHost, options: FileStoreOptions) {
    this.directory = directory;
    this.host = host;
    this.files = host.files;
    this.descriptors = new Descriptors(host, options.openFilesMax ?? OPEN_FILES_MAX);
    this.memory = new LentMemory({
      allocate: (length) => host.files.allocate(length),
      sizeMin: READ_KEPT_SIZE_MIN,
      keptBytesMax: READ_KEPT_BYTES_MAX,
    });
    this.syncs = new Limit(options.syncsMax ?? SYNCS_MAX);
  }

  /**
   * Creates the directory when it is not there, and removes what writes cut short by a crash have left. `directory` is
   * absolute; it ends without a slash.
   */
  static async open(directory: string, host: StoreHost, options: FileStoreOptions = {}): Promise<FileStore> {
    const { files } = host;
    await files.makeDirectory(directory);
    const store = new FileStore(directory, host, options);
    await store.syncWayDown();
    const paths = await store.filesBelow(directory);
    for (const path of paths)
      if (path.endsWith(TEMPORARY_SUFFIX)) await files.unlink(path).catch(ignoring("ENOENT"));
    await store.syncDirectoriesOf(paths);
    return store;
  }

  async list(prefix: string): Promise<string[]> {
    const slash = prefix.lastIndexOf("/");
    const start = slash < 0 ? this.directory : pathOf(this.directory, prefix.slice(0, slash));
    const paths = await this.filesBelow(start);
    return paths
      .filter((path) => !path.endsWith(TEMPORARY_SUFFIX))
      .map((path) => path.slice(within(this.directory, "").length))
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

  read(name: string): Promise<Uint8Array | undefined> {
    return this.passing.run(() => this.readSmall(pathOf(this.directory, name)));
  }

  private async readSmall(path: string): Promise<Uint8Array | undefined> {
    const fd = await this.openPath(path, "r").catch(ignoring("ENOENT", "ENOTDIR"));
    if (fd === undefined) return undefined;
    try {
      return await readFully(this.files, fd, 0, this.files.allocate(await this.files.size(fd)), false);
    } finally {
      await this.files.close(fd);
    }
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    return this.inOrder(name, (path) => this.replace(name, path, bytes));
  }

  writeLazily(name: string, bytes: Uint8Array): Promise<void> {
    return this.inOrder(name, async (path) => {
      await this.opened.get(name)?.close();
      await this.passing.run(() => this.writeSmall(path, bytes, false));
    });
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [pathOf(this.directory, from), pathOf(this.directory, to)];
    for (const name of [from, to]) await this.opened.get(name)?.close();
    await this.files.rename(source, target);
    await this.syncEntry(directoryOf(target));
    if (directoryOf(source) !== directoryOf(target)) await this.syncEntry(directoryOf(source));
  }

  async delete(names: readonly string[]): Promise<void> {
    const directories = new Set<string>();
    for (const name of names) {
      const path = pathOf(this.directory, name);
      await this.opened.get(name)?.close();
      this.mayGo(directoryOf(path));
      const removed = await this.files.unlink(path).then(() => true, ignoring("ENOENT", "ENOTDIR"));
      if (removed === true) directories.add(directoryOf(path));
    }
    for (const directory of directories) await this.afterDelete(directory);
  }

  async deleteLazily(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.opened.get(name)?.close();
      await this.files.unlink(pathOf(this.directory, name)).catch(ignoring("ENOENT", "ENOTDIR"));
    }
  }

  giveBack(bytes: Uint8Array): void {
    this.memory.giveBack(bytes);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.opening.values());
    await Promise.all([...this.opened.values()].map((file) => file.close()));
    await Promise.allSettled(this.writing.values());
    await this.descriptors.closeAll();
  }

  private async openNew(name: string, path: string): Promise<AppendFile> {
    return this.descriptors.adopt(async () => {
      const fd = await this.inDirectory(directoryOf(path), () => this.openOrCreate(path));
      const size = await this.files.size(fd).catch(async (error: unknown) => {
        await this.files.close(fd);
        throw error;
      });
      const file = new AppendFile(name, path, size, {
        files: this.files,
        clock: this.host.clock,
        descriptors: this.descriptors,
        syncs: this.syncs,
        memory: this.memory,
        syncEntry: () => this.syncEntry(directoryOf(path)),
        closed: () => void this.opened.delete(name),
      });
      return { file, fd };
    });
  }

  /** Runs `write` when those of the same name before it are done. */
  private async inOrder(name: string, write: (path: string) => Promise<void>): Promise<void> {
    const path = pathOf(this.directory, name);
    const before = this.writing.get(name) ?? Promise.resolve();
    const writing = before.catch(() => {}).then(() => write(path));
    this.writing.set(name, writing);
    try {
      await writing;
    } finally {
      if (this.writing.get(name) === writing) this.writing.delete(name);
    }
  }

  private async replace(name: string, path: string, bytes: Uint8Array): Promise<void> {
    const temporary = path + TEMPORARY_SUFFIX;
    await this.passing.run(() => this.writeSmall(temporary, bytes, true));
    await this.opened.get(name)?.close();
    await this.files.rename(temporary, path);
    await this.syncEntry(directoryOf(path));
  }

  private async writeSmall(path: string, bytes: Uint8Array, isSynced: boolean): Promise<void> {
    const fd = await this.inDirectory(directoryOf(path), () => this.openPath(path, "w"));
    try {
      await writeAll(this.files, fd, [bytes], 0);
      if (isSynced) await this.syncs.run(() => this.files.sync(fd));
    } finally {
      await this.files.close(fd);
    }
  }

  /** Runs `task`, which creates a file, and creates its directory when it turns out not to be there. */
  private async inDirectory<T>(directory: string, task: () => Promise<T>): Promise<T> {
    // Twice, because a delete may remove the directory, empty again, between the two steps.
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        return await task();
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error;
        await this.files.makeDirectory(directory);
      }
    }
    return task();
  }

  /** Makes the entries of a directory durable, and the directory's own. */
  private async syncEntry(directory: string): Promise<void> {
    await this.syncDirectory(directory);
    for (
      let at = directory;
      at !== this.directory && !this.durableDirectories.has(at);
      at = directoryOf(at)
    ) {
      await this.syncDirectory(directoryOf(at));
      this.durableDirectories.add(at);
    }
  }

  /**
   * Makes the store's own directory durable, and those above it, which may all have been made just now. Those that this
   * user may not open were made by another one; some file systems refuse to sync what cannot change.
   */
  private async syncWayDown(): Promise<void> {
    for (let at = this.directory; directoryOf(at) !== at; at = directoryOf(at))
      await this.syncDirectory(directoryOf(at)).catch(ignoring("EACCES", "EPERM", "EROFS", "EINVAL"));
  }

  /** Makes the entries of directories durable that hold these files: with one sync, where thousands would need one each. */
  private async syncDirectoriesOf(paths: readonly string[]): Promise<void> {
    const found = new Set(paths.map(directoryOf));
    found.delete(this.directory);
    if (found.size === 0) return;
    await this.syncDirectory(this.directory);
    for (const each of found) if (directoryOf(each) === this.directory) this.durableDirectories.add(each);
  }

  /** What was done to the directory before the call is durable when it resolves; calls that come meanwhile share the next sync. */
  private syncDirectory(directory: string): Promise<void> {
    const current = this.directorySyncs.get(directory);
    if (current === undefined) {
      const running = this.syncDirectoryNow(directory).finally(() => this.directorySyncs.delete(directory));
      this.directorySyncs.set(directory, { running });
      return running;
    }
    current.next ??= current.running.catch(() => {}).then(() => this.syncDirectory(directory));
    return current.next;
  }

  private syncDirectoryNow(directory: string): Promise<void> {
    // It opens the directory; while it waits for a descriptor, other syncs run.
    return this.passing.run(() =>
      withDescriptor(this.host.clock, () => this.syncs.run(() => this.files.syncDirectory(directory))),
    );
  }

  /** Makes a deletion durable, and removes the directories that it has left empty. */
  private async afterDelete(directory: string): Promise<void> {
    for (let at = directory; ; at = directoryOf(at)) {
      // Where another deletion has removed it meanwhile, the one above tells that, and with it this deletion too.
      const isThere = await this.syncDirectory(at).then(() => true, ignoring("ENOENT"));
      if (at === this.directory) return;
      if (isThere !== true) continue;
      this.mayGo(directoryOf(at));
      const isGone = await this.files.removeDirectory(at).then(
        () => true,
        (error: unknown) =>
          codeOf(error) === "ENOENT" || ignoring("ENOTEMPTY", "EEXIST", "EPERM", "EBUSY")(error),
      );
      if (isGone !== true) return;
    }
  }

  /**
   * Called before something in the directory is removed: it may be removed itself then, at any time, and one that is made
   * anew under its name is durable only when that has been synced.
   */
  private mayGo(directory: string): void {
    this.durableDirectories.delete(directory);
  }

  private openPath(path: string, flags: OpenFlags): Promise<number> {
    return withDescriptor(this.host.clock, () => this.files.open(path, flags));
  }

  private async openOrCreate(path: string): Promise<number> {
    try {
      return await this.openPath(path, "r+");
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      return this.openPath(path, "wx+");
    }
  }

  /** Paths of all regular files below a directory that may not be there. */
  private async filesBelow(directory: string): Promise<string[]> {
    const entries = await this.passing
      .run(() => withDescriptor(this.host.clock, () => this.files.list(directory)))
      .catch(ignoring("ENOENT", "ENOTDIR"));
    const found = await Promise.all(
      (entries ?? []).map(async ({ name, kind }) => {
        const path = within(directory, name);
        if (kind === "directory") return await this.filesBelow(path);
        return kind === "file" ? [path] : [];
      }),
    );
    return found.flat();
  }
}
