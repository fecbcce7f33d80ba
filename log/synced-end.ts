/**
 * A lower bound of the offset up to which a partition is known to be synced, kept in `<partition>/synced-end`.
 *
 * After a crash a damaged place in the last segment is either a write that was never synced, which may be cut away, or
 * damage to data that was acknowledged, which may not. The batches themselves cannot tell. What is noted here can: below
 * it everything was synced once, so damage there is refused.
 *
 * A note is written after the sync that it tells of, and synced itself within about a second: until then losing it makes
 * the bound lower, never wrong. `set` is durable at once, and the only way down.
 *
 * File: notes of 12 bytes, big-endian: int64 offset, uint32 CRC32C of those 8 bytes. The highest sound one counts.
 */
import type { Clock } from "./clock.ts";
import type { Engine } from "./engine.ts";
import {
  SYNCED_END_FILE_BYTES_MAX,
  SYNCED_END_NOTE_INTERVAL_MS,
  SYNCED_END_SYNC_INTERVAL_MS,
} from "./limits.ts";
import { syncedEndFile } from "./partition-files.ts";
import type { Store, StoreFile } from "./store.ts";
import { Turns } from "./turns.ts";

const NOTE_BYTES = 12;
const CRC_AT = 8;

export class SyncedEnd {
  private readonly name: string;
  private readonly store: Store;
  private readonly engine: Engine;
  private readonly clock: Clock;
  private readonly turns = new Turns();
  private file: StoreFile | undefined;
  /** The highest offset that is in the file. */
  private stored: bigint;
  /** The highest offset that was noted. */
  private noted: bigint;
  /** A crash in the middle of a note leaves a part of one, after which nothing may be appended. */
  private torn: boolean;
  private cancelTimer: (() => void) | undefined;
  private cancelSync: (() => void) | undefined;
  private closed = false;

  private constructor(store: Store, engine: Engine, clock: Clock, name: string, bytes: Uint8Array) {
    this.store = store;
    this.engine = engine;
    this.clock = clock;
    this.name = name;
    this.stored = highestNote(engine, bytes);
    this.noted = this.stored;
    this.torn = bytes.length % NOTE_BYTES !== 0;
  }

  static async open(store: Store, engine: Engine, clock: Clock, directory: string): Promise<SyncedEnd> {
    const name = syncedEndFile(directory);
    return new SyncedEnd(store, engine, clock, name, (await store.read(name)) ?? new Uint8Array(0));
  }

  /**
   * After an unclean stop, before anything is decided by it: the notes may only be in the system's cache, and a loss of
   * power would take them though what they tell of was seen. Where that fails the bound is what it was.
   */
  async makeDurable(): Promise<void> {
    if (this.stored === 0n) return;
    try {
      const file = await this.store.open(this.name);
      await file.sync();
      await file.close();
    } catch {
      // What the disk cannot do now is told by what follows. Notes that may be lost are not built on.
      this.torn = true;
    }
  }

  /** What the file says; 0 when it says nothing. */
  get offset(): bigint {
    return this.stored;
  }

  /** Everything below `offset` is synced. Written soon; when it cannot be written, the bound stays lower. */
  note(offset: bigint): void {
    if (this.closed || offset <= this.noted) return;
    this.noted = offset;
    if (this.cancelTimer === undefined) this.writeSoon();
  }

  /** Replaces the bound, durably. Before a truncation it must not be higher than where the cut will be. */
  set(offset: bigint): Promise<void> {
    this.noted = offset;
    return this.turns.take(() => this.replace(offset));
  }

  /** Ends all writing; what was noted last is written when `keep` is set. */
  async close(keep: boolean): Promise<void> {
    this.closed = true;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.cancelSync?.();
    this.cancelSync = undefined;
    if (keep) await this.turns.take(() => this.write()).catch(() => {});
    await this.turns.idle();
    await this.file?.close();
    this.file = undefined;
  }

  private writeSoon(): void {
    // The timer is the interval until the next note, and stands for this one as long as it runs.
    this.cancelTimer = this.clock.setTimer(SYNCED_END_NOTE_INTERVAL_MS, () => {
      this.cancelTimer = undefined;
      if (!this.closed && this.noted > this.stored) this.writeSoon();
    });
    this.turns.take(() => this.write()).catch(() => {});
  }

  private async write(): Promise<void> {
    const offset = this.noted;
    if (offset <= this.stored) return;
    this.file ??= await this.store.open(this.name);
    if (this.torn || this.file.size >= SYNCED_END_FILE_BYTES_MAX) return this.replace(offset);
    await this.giveUpOnFailure(this.file.append([encodeNote(this.engine, offset)]));
    this.stored = offset;
    this.syncSoon();
  }

  /** Not at once: what is noted while the timer runs shares the sync. */
  private syncSoon(): void {
    if (this.closed) return;
    this.cancelSync ??= this.clock.setTimer(SYNCED_END_SYNC_INTERVAL_MS, () => {
      this.cancelSync = undefined;
      this.turns.take(() => this.sync()).catch(() => {});
    });
  }

  private async sync(): Promise<void> {
    if (this.file !== undefined) await this.giveUpOnFailure(this.file.sync());
  }

  /** A file that could not be written or synced takes nothing any more: the next note begins a new one. */
  private async giveUpOnFailure(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.torn = true;
      throw error;
    }
  }

  private async replace(offset: bigint): Promise<void> {
    await this.file?.close();
    this.file = undefined;
    await this.store.write(this.name, encodeNote(this.engine, offset));
    this.stored = offset;
    this.torn = false;
  }
}

function encodeNote(engine: Engine, offset: bigint): Uint8Array {
  const note = new Uint8Array(NOTE_BYTES);
  const view = new DataView(note.buffer);
  view.setBigInt64(0, offset);
  view.setUint32(CRC_AT, engine.crc32c(note.subarray(0, CRC_AT)));
  return note;
}

function highestNote(engine: Engine, bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let highest = 0n;
  for (let at = 0; at + NOTE_BYTES <= bytes.length; at += NOTE_BYTES) {
    const offset = view.getBigInt64(at);
    const sound = view.getUint32(at + CRC_AT) === engine.crc32c(bytes.subarray(at, at + CRC_AT));
    if (sound && offset > highest) highest = offset;
  }
  return highest;
}
