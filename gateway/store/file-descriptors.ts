/**
 * Keeps the number of open files bounded. A file is open while it is used, and stays open until it is the one that was
 * left alone longest and another needs its place. While all places are in use, who comes next waits: sockets take their
 * descriptors from the same stock, and must find what is left to them.
 *
 * A file with unsynced bytes is synced before it is closed: the kernel may forget a write error once nobody has the file
 * open, and the sync that comes later would then not tell of it.
 */
import { withDescriptor } from "./file-calls.ts";
import type { StoreHost } from "./file-system.ts";

/** A file as the pool sees it. */
export interface Descriptor {
  readonly path: string;
  /** It has bytes that are to be synced: not those of a file that failed, which nobody syncs any more. */
  readonly dirty: boolean;
  /** Syncs; never rejects: the file itself remembers a failure. */
  settle(): Promise<void>;
}

interface OpenFile {
  readonly opening: Promise<number>;
  /** Undefined while it is being opened, and when it could not be. */
  fd: number | undefined;
  users: number;
  /** It is being settled, to be closed then. */
  isLeaving: boolean;
  /** Set by a close that waits for the users. */
  unused?: () => void;
}

export class Descriptors {
  private readonly host: StoreHost;
  private readonly max: number;
  /** Least recently used first. */
  private readonly open = new Map<Descriptor, OpenFile>();
  /** Places that are taken: by files that are open, being opened or being closed. */
  private taken = 0;
  /** Files that are being settled or closed to make room. */
  private leaving = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(host: StoreHost, max: number) {
    this.host = host;
    this.max = max;
  }

  /** Runs `task` with the file's descriptor, which stays open at least until the task has settled. */
  async use<T>(file: Descriptor, task: (fd: number) => Promise<T>): Promise<T> {
    const entry = this.seize(file) ?? (await this.enter(file));
    try {
      return await task((entry.fd ??= await entry.opening));
    } finally {
      entry.users--;
      this.used(file, entry);
    }
  }

  /**
   * Opens a file with `opening`, which answers it and its descriptor, and keeps it as one that is open. Throws what it
   * throws, and then nothing may be left open.
   */
  async adopt<File extends Descriptor>(opening: () => Promise<{ file: File; fd: number }>): Promise<File> {
    await this.takePlace();
    try {
      const { file, fd } = await opening();
      this.open.set(file, { opening: Promise.resolve(fd), fd, users: 0, isLeaving: false });
      this.makeRoom();
      return file;
    } catch (error) {
      this.givePlaceBack();
      throw error;
    }
  }

  /**
   * Closes one file, when those who use it now are done: the system gives the number of a closed descriptor to the next
   * file that is opened, and a read under way would get that one's bytes.
   */
  async close(file: Descriptor): Promise<void> {
    const entry = this.open.get(file);
    if (entry === undefined) return;
    this.open.delete(file);
    try {
      if (entry.users > 0) await new Promise<void>((resolve) => (entry.unused = resolve));
      const fd = await entry.opening.catch(() => undefined);
      if (fd !== undefined) await this.host.files.close(fd);
    } finally {
      this.givePlaceBack();
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all(Array.from(this.open.keys(), (file) => this.close(file)));
  }

  /** One more user of a file that is open. */
  private seize(file: Descriptor): OpenFile | undefined {
    const entry = this.open.get(file);
    if (entry === undefined) return undefined;
    this.open.delete(file);
    this.open.set(file, entry);
    entry.users++;
    return entry;
  }

  /** The first user of a file that has no place yet. */
  private async enter(file: Descriptor): Promise<OpenFile> {
    await this.takePlace();
    const known = this.seize(file);
    if (known !== undefined) {
      // Somebody else has opened it meanwhile.
      this.givePlaceBack();
      return known;
    }
    const { files, clock } = this.host;
    const opening = withDescriptor(clock, () => files.open(file.path, "r+"));
    const entry: OpenFile = { opening, fd: undefined, users: 1, isLeaving: false };
    this.open.set(file, entry);
    return entry;
  }

  private used(file: Descriptor, entry: OpenFile): void {
    if (entry.users > 0) return;
    entry.unused?.();
    // Its users have waited for it to be opened, so it could not be.
    if (entry.fd === undefined && this.open.get(file) === entry) {
      this.open.delete(file);
      this.givePlaceBack();
    } else this.makeRoom();
  }

  private async takePlace(): Promise<void> {
    if (this.taken < this.max && this.waiting.length === 0) {
      this.taken++;
      return;
    }
    const place = new Promise<void>((resolve) => this.waiting.push(resolve));
    this.makeRoom();
    await place;
  }

  private givePlaceBack(): void {
    this.taken--;
    this.makeRoom();
  }

  /** Hands free places to those who wait, and has files leave for the others. */
  private makeRoom(): void {
    while (this.taken < this.max && this.waiting.length > 0) {
      this.taken++;
      this.waiting.shift()?.();
    }
    if (this.waiting.length <= this.leaving) return;
    for (const [file, entry] of this.open) {
      if (entry.users > 0 || entry.isLeaving) continue;
      void this.leave(file, entry);
      if (this.waiting.length <= this.leaving) return;
    }
  }

  /** Closes a file that nobody uses, unless somebody does by the time it is settled. */
  private async leave(file: Descriptor, entry: OpenFile): Promise<void> {
    entry.isLeaving = true;
    this.leaving++;
    if (file.dirty) await file.settle();
    entry.isLeaving = false;
    this.leaving--;
    const isUnused = entry.users === 0 && this.open.get(file) === entry;
    // What was written meanwhile is settled when it is this file's turn again.
    if (isUnused && !file.dirty) await this.close(file).catch(() => {});
    else this.makeRoom();
  }
}
