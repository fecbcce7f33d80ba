/**
 * Keeps the number of open files bounded. A file is open while it is used, and stays open until it is the one that was
 * left alone longest and room is needed.
 *
 * A file with unsynced bytes is synced before it is closed: the kernel may forget a write error once nobody has the file
 * open, and the sync that comes later would then not tell of it.
 */
import { withDescriptor } from "./file-calls.ts";
import type { StoreHost } from "./file-system.ts";

/** A file as the pool sees it. */
export interface Descriptor {
  readonly path: string;
  readonly dirty: boolean;
  /** Syncs; never rejects: the file itself remembers a failure. */
  settle(): Promise<void>;
}

interface OpenFile {
  fd: Promise<number>;
  users: number;
  /** Set by a close that waits for them. */
  unused?: () => void;
}

export class Descriptors {
  private readonly host: StoreHost;
  private readonly max: number;
  /** Least recently used first. */
  private readonly open = new Map<Descriptor, OpenFile>();

  constructor(host: StoreHost, max: number) {
    this.host = host;
    this.max = max;
  }

  /** Runs `task` with the file's descriptor, which stays open at least until the task has settled. */
  async use<T>(file: Descriptor, task: (fd: number) => Promise<T>): Promise<T> {
    if (!this.open.has(file)) await this.makeRoom();
    const entry = this.open.get(file) ?? { fd: this.openFile(file.path), users: 0 };
    this.open.delete(file);
    this.open.set(file, entry);
    entry.users++;
    try {
      return await task(await entry.fd);
    } finally {
      entry.users--;
      if (entry.users === 0) entry.unused?.();
      if (entry.users === 0 && (await failed(entry.fd)) && this.open.get(file) === entry)
        this.open.delete(file);
      this.trim();
    }
  }

  /** Puts a descriptor that is open already into the pool. */
  adopt(file: Descriptor, fd: number): void {
    this.open.set(file, { fd: Promise.resolve(fd), users: 0 });
    this.trim();
  }

  /**
   * Closes one file, when those who use it now are done: the system gives the number of a closed descriptor to the next
   * file that is opened, and a read under way would get that one's bytes.
   */
  async close(file: Descriptor): Promise<void> {
    const entry = this.open.get(file);
    this.open.delete(file);
    if (entry === undefined) return;
    if (entry.users > 0) await new Promise<void>((resolve) => (entry.unused = resolve));
    if (!(await failed(entry.fd))) await this.host.files.close(await entry.fd);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.open.keys()].map((file) => this.close(file)));
  }

  private openFile(path: string): Promise<number> {
    const { files, clock } = this.host;
    return withDescriptor(clock, () => files.open(path, "r+"));
  }

  /** Waits until one more may be open; where all that are open are in use, there is nothing to wait for. */
  private async makeRoom(): Promise<void> {
    // Those that are open now: settling puts a file behind all others again.
    const candidates = Array.from(this.open);
    for (const [file, entry] of candidates) {
      if (this.open.size < this.max) return;
      if (entry.users > 0 || this.open.get(file) !== entry) continue;
      // A file that has been settled is closed by what trims after it.
      await (file.dirty ? file.settle() : this.close(file).catch(() => {}));
    }
  }

  private trim(): void {
    let excess = this.open.size - this.max;
    for (const [file, entry] of this.open) {
      if (excess <= 0) return;
      if (entry.users > 0) continue;
      excess--;
      // Settling uses the file, which trims again when it is clean.
      if (file.dirty) void file.settle();
      else this.close(file).catch(() => {});
    }
  }
}

async function failed(fd: Promise<number>): Promise<boolean> {
  return fd.then(
    () => false,
    () => true,
  );
}
