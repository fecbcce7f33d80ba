/**
 * One append-only file. At most one write and one sync of it are in flight; appends that come meanwhile join the next
 * write, callers of `sync` the next sync. After a failed write or sync nothing is written or synced any more: what the
 * disk then holds beyond the last good sync is not known, and a second sync could report success for lost pages.
 */
import type { Clock } from "../../log/clock.ts";
import type { LentMemory } from "../../log/lent-memory.ts";
import type { StoreFile } from "../../log/store.ts";
import { readFully, writeAll } from "./file-calls.ts";
import type { Descriptor, Descriptors } from "./file-descriptors.ts";
import type { Limit } from "./file-limit.ts";
import type { FileSystem } from "./file-system.ts";
import { FreshBytes } from "./fresh-bytes.ts";

/** What a file shares with the others of its store. */
export interface FileHost {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly descriptors: Descriptors;
  readonly syncs: Limit;
  readonly memory: LentMemory;
  /** Makes the file's entry in its directory durable. */
  syncEntry(): Promise<void>;
  closed(): void;
}

/** The appends that become one write. */
interface Write {
  pieces: Uint8Array[];
  bytes: number;
  done: Promise<void>;
}

export class AppendFile implements StoreFile, Descriptor {
  readonly name: string;
  readonly path: string;
  size: number;
  private readonly host: FileHost;
  /** Bytes that are in the file. */
  private written: number;
  private readonly fresh = new FreshBytes();
  private unsynced = false;
  /** The last write or truncation that was asked for. */
  private last: Promise<void> = Promise.resolve();
  /** The write that later appends may still join. */
  private gathering: Write | undefined;
  private syncing: Promise<void> | undefined;
  private nextSync: Promise<void> | undefined;
  private entryDurable = false;
  /** Set by what fdatasync may not cover: a changed size that a crash could otherwise bring back. */
  private sizeChanged = true;
  private failure: Error | undefined;
  private closing: Promise<void> | undefined;

  constructor(name: string, path: string, size: number, host: FileHost) {
    this.name = name;
    this.path = path;
    this.size = size;
    this.written = size;
    this.host = host;
  }

  get dirty(): boolean {
    return this.unsynced && this.failure === undefined;
  }

  append(pieces: readonly Uint8Array[]): Promise<void> {
    const refusal = this.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.size += bytes;
    if (this.gathering !== undefined) {
      this.gathering.pieces.push(...pieces);
      this.gathering.bytes += bytes;
      return this.gathering.done;
    }
    const write: Write = { pieces: [...pieces], bytes, done: Promise.resolve() };
    this.gathering = write;
    write.done = this.inTurn(() => {
      this.gathering = undefined;
      return this.writeNow(write);
    });
    return write.done;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    if (this.closing !== undefined) throw new Error(`${this.name} is closed`);
    const available = Math.min(length, this.written - position);
    if (available <= 0) return new Uint8Array(0);
    const { files, clock, memory, descriptors } = this.host;
    const isFresh = this.fresh.has(position, clock.now());
    return descriptors.use(this, (fd) => readFully(files, fd, position, memory.take(available), isFresh));
  }

  truncate(size: number): Promise<void> {
    const refusal = this.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (size > this.size)
      return Promise.reject(new RangeError(`${this.name} has ${this.size} bytes, not ${size}`));
    this.size = size;
    this.gathering = undefined;
    return this.inTurn(async () => {
      await this.host.descriptors.use(this, (fd) => this.host.files.truncate(fd, size));
      this.written = size;
      this.fresh.cut(size);
      this.unsynced = true;
      this.sizeChanged = true;
    });
  }

  sync(): Promise<void> {
    const refusal = this.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.joinSync();
  }

  settle(): Promise<void> {
    return this.joinSync().catch(() => {});
  }

  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  private joinSync(): Promise<void> {
    if (this.syncing === undefined) {
      this.syncing = this.syncNow().finally(() => (this.syncing = undefined));
      return this.syncing;
    }
    this.nextSync ??= this.syncing
      .catch(() => {})
      .then(() => {
        this.nextSync = undefined;
        return this.joinSync();
      });
    return this.nextSync;
  }

  /** Runs `task` after all writes and truncations asked for so far; a failure ends all later ones too. */
  private inTurn(task: () => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      if (this.failure !== undefined) throw this.failure;
      try {
        await task();
      } catch (error) {
        throw this.fail(error);
      }
    };
    const done = this.last.then(run, run);
    // Whoever asked hears of a failure; this copy only keeps the order.
    this.last = done.catch(() => {});
    return done;
  }

  private async writeNow(write: Write): Promise<void> {
    if (write.bytes === 0) return;
    // Before, because a sync that begins meanwhile may cover a part; after, because it may have covered only that.
    this.unsynced = true;
    this.fresh.wrote(this.written, this.host.clock.now());
    await this.host.descriptors.use(this, (fd) => writeAll(this.host.files, fd, write.pieces, this.written));
    this.unsynced = true;
    this.written += write.bytes;
  }

  private async syncNow(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const covered = this.written;
    const whole = this.sizeChanged;
    const { files } = this.host;
    try {
      // A file that was there before may hold what an earlier process wrote and never synced.
      if (this.unsynced || !this.entryDurable) {
        this.sizeChanged = false;
        await this.host.descriptors.use(this, (fd) =>
          this.host.syncs.run(() => (whole ? files.sync(fd) : files.syncData(fd))),
        );
        if (this.written === covered && !this.sizeChanged) this.unsynced = false;
      }
      if (!this.entryDurable) {
        await this.host.syncEntry();
        this.entryDurable = true;
      }
    } catch (error) {
      throw this.fail(error);
    }
  }

  private async closeNow(): Promise<void> {
    await this.last;
    await this.syncing?.catch(() => {});
    this.host.closed();
    await this.host.descriptors.close(this);
  }

  private refusal(): Error | undefined {
    return this.failure ?? (this.closing === undefined ? undefined : new Error(`${this.name} is closed`));
  }

  private fail(error: unknown): Error {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
    return this.failure;
  }
}
