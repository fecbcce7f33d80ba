/**
 * Lower bounds of the offsets up to which partitions are known to be synced. The partitions of a node share one file, called
 * `synced-ends`; a partition that stands alone, as in a tab, has `<partition>/synced-end`.
 *
 * After a crash a damaged place in the last segment is either a write that was never synced, which may be cut away, or
 * damage to data that was acknowledged, which may not. The batches themselves cannot tell. What is noted here can: below
 * it everything was synced once, so damage there is refused.
 *
 * A note is written after the sync that it tells of, and synced itself within about a second: until then losing it makes
 * the bound lower, never wrong. `set` is durable at once, and the only way down. What thousands of partitions note in one
 * moment is one write, and what they set is one sync.
 *
 *     Ns_D6o9VTSq1NdKtf6L1-w 3 1742 - 9a8b7c6d
 *     topic id, partition, offset, CRC32C of the files that a clean stop has left beside the log (-: it was none), CRC32C of
 *     the line up to here
 *
 * Of a partition the highest sound line counts, of several the last. Who takes lines out takes the bound away.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Clock } from "./clock.ts";
import type { Engine } from "./engine.ts";
import {
  SYNCED_ENDS_BYTES_MIN,
  SYNCED_ENDS_GROWTH_MAX,
  SYNCED_END_NOTE_INTERVAL_MS,
  SYNCED_END_SYNC_INTERVAL_MS,
} from "./limits.ts";
import type { Store, StoreFile } from "./store.ts";
import { Turns } from "./turns.ts";

export interface SyncedEndsOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly name: string;
  /** The last stop was clean. */
  readonly clean: boolean;
}

interface Bound {
  readonly offset: bigint;
  /** CRC32C of the checkpoint that a clean stop has written at this offset. */
  readonly checkpoint: number | undefined;
}

/** By topic id and partition, as a line begins. */
type Bounds = Map<string, Bound>;

const LINE =
  /^(?<key>[A-Za-z0-9_-]{22} (?:0|[1-9]\d{0,9})) (?<offset>0|[1-9]\d{0,18}) (?<checkpoint>-|[0-9a-f]{8}) (?<crc>[0-9a-f]{8})$/;
const NOTHING: Bound = { offset: 0n, checkpoint: undefined };

export class SyncedEnds {
  readonly name: string;
  private readonly store: Store;
  private readonly engine: Engine;
  private readonly clock: Clock;
  private readonly turns = new Turns();
  private file: StoreFile | undefined;
  /** What the file says. */
  private stored: Bounds;
  /** What is to be written. */
  private news: Bounds = new Map();
  /** A part of a line stands at its end, or it has failed: nothing may be appended any more. */
  private isTorn: boolean;
  /** Bytes that it had when it was written anew. */
  private writtenAnew: number;
  private cancelTimer: (() => void) | undefined;
  private intervalMs = SYNCED_END_NOTE_INTERVAL_MS;
  private cancelSync: (() => void) | undefined;
  /** The next durable write, for all who wait for one. */
  private durable: Promise<void> | undefined;
  private isClosed = false;

  /** After an unclean stop what it says is durable before anything is decided by it. */
  static async open(options: SyncedEndsOptions): Promise<SyncedEnds> {
    const bytes = (await readAll(options)) ?? new Uint8Array(0);
    const ends = new SyncedEnds(options, bytes);
    if (!options.clean) await ends.makeDurable();
    return ends;
  }

  private constructor({ store, engine, clock, name }: SyncedEndsOptions, bytes: Uint8Array) {
    this.store = store;
    this.engine = engine;
    this.clock = clock;
    this.name = name;
    this.stored = boundsIn(engine, bytes);
    this.isTorn = bytes.length > 0 && bytes.at(-1) !== LINE_FEED;
    // Not its bytes: it would be allowed to grow with each start.
    this.writtenAnew = linesOf(engine, this.stored).length;
  }

  /** That of one partition. */
  of(topicId: string, partition: number): SyncedEnd {
    return new SyncedEnd(this, `${topicId} ${partition}`);
  }

  /** That of a partition which has the file for itself, and closes it. */
  static async openOne(options: SyncedEndsOptions, topicId: string, partition: number): Promise<SyncedEnd> {
    const ends = await SyncedEnds.open(options);
    return new SyncedEnd(ends, `${topicId} ${partition}`, (keep) => ends.close(keep));
  }

  /** Forgets partitions of topics that are no more. */
  keepOnly(isKnown: (topicId: string) => boolean): void {
    for (const key of this.stored.keys())
      if (!isKnown(key.slice(0, key.indexOf(" ")))) this.stored.delete(key);
  }

  /** What the file says of a partition. */
  boundOf(key: string): Bound {
    return this.stored.get(key) ?? NOTHING;
  }

  /** See `SyncedEnd.note`. */
  note(key: string, offset: bigint): void {
    if (this.isClosed || offset <= (this.news.get(key) ?? this.boundOf(key)).offset) return;
    this.news.set(key, { offset, checkpoint: undefined });
    if (this.cancelTimer === undefined) this.writeSoon();
  }

  /** See `SyncedEnd.set`. */
  set(key: string, bound: Bound): Promise<void> {
    this.news.set(key, bound);
    this.durable ??= this.turns.take(() => {
      this.durable = undefined;
      return this.write(true);
    });
    return this.durable;
  }

  /** See `SyncedEnd.forget`. */
  forget(key: string): void {
    this.news.delete(key);
    this.stored.delete(key);
  }

  /** Ends all writing; what was noted last is written when `keep` is set. */
  async close(keep: boolean): Promise<void> {
    this.isClosed = true;
    this.cancelTimer?.();
    this.cancelSync?.();
    this.cancelTimer = undefined;
    this.cancelSync = undefined;
    if (keep) await this.turns.take(() => this.write(false)).catch(() => {});
    await this.turns.idle();
    await this.file?.close();
    this.file = undefined;
  }

  /**
   * The lines may only be in the system's cache, and a loss of power would take them though what they tell of was seen. Where
   * that fails the bounds are what they were.
   */
  private async makeDurable(): Promise<void> {
    if (this.stored.size === 0) return;
    try {
      const file = await this.store.open(this.name);
      await file.sync();
      await file.close();
    } catch {
      // What the disk cannot do now is told by what follows. Lines that may be lost are not built on.
      this.isTorn = true;
    }
  }

  private writeSoon(): void {
    // The timer is the interval until the next write, and stands for this one as long as it runs.
    this.cancelTimer = this.clock.setTimer(this.intervalMs, () => {
      this.cancelTimer = undefined;
      if (!this.isClosed && this.news.size > 0) this.writeSoon();
    });
    this.turns.take(() => this.write(false)).catch(() => {});
  }

  private async write(durably: boolean): Promise<void> {
    const { news } = this;
    if (news.size === 0 && !durably) return;
    this.news = new Map();
    try {
      if (this.mustReplace(news)) await this.replace(news);
      else await this.append(news, durably);
      this.intervalMs = SYNCED_END_NOTE_INTERVAL_MS;
    } catch (error) {
      // What could not be written is tried again, less often: it is true all the same.
      this.intervalMs = SYNCED_END_SYNC_INTERVAL_MS;
      this.news = new Map([...news, ...this.news]);
      throw error;
    }
  }

  private mustReplace(news: Bounds): boolean {
    const bytesMax = Math.max(SYNCED_ENDS_BYTES_MIN, this.writtenAnew * SYNCED_ENDS_GROWTH_MAX);
    if (this.isTorn || (this.file?.size ?? 0) >= bytesMax) return true;
    for (const [key, { offset }] of news) if (offset < this.boundOf(key).offset) return true;
    return false;
  }

  private async append(news: Bounds, durably: boolean): Promise<void> {
    try {
      this.file ??= await this.store.open(this.name);
      await this.file.append([linesOf(this.engine, news)]);
      if (durably) await this.file.sync();
    } catch {
      // A file that could not be written or synced takes nothing any more.
      this.isTorn = true;
      return this.replace(news);
    }
    for (const [key, bound] of news) this.stored.set(key, bound);
    if (!durably) this.syncSoon();
  }

  /** Not at once: what is noted while the timer runs shares the sync. */
  private syncSoon(): void {
    if (this.isClosed) return;
    this.cancelSync ??= this.clock.setTimer(SYNCED_END_SYNC_INTERVAL_MS, () => {
      this.cancelSync = undefined;
      this.turns.take(() => this.sync()).catch(() => {});
    });
  }

  private async sync(): Promise<void> {
    try {
      await this.file?.sync();
    } catch {
      this.isTorn = true;
      await this.replace(new Map());
    }
  }

  /** A new file in place of the old one, durably. */
  private async replace(news: Bounds): Promise<void> {
    await this.file?.close();
    this.file = undefined;
    const bounds = new Map([...this.stored, ...news]);
    const lines = linesOf(this.engine, bounds);
    await this.store.write(this.name, lines);
    this.stored = bounds;
    this.writtenAnew = lines.length;
    this.isTorn = false;
  }
}

/** That of one partition. */
export class SyncedEnd {
  /** How its lines begin. */
  readonly key: string;
  private readonly ends: SyncedEnds;
  private readonly closeFile: (keep: boolean) => Promise<void>;

  constructor(
    ends: SyncedEnds,
    key: string,
    closeFile: (keep: boolean) => Promise<void> = () => Promise.resolve(),
  ) {
    this.ends = ends;
    this.key = key;
    this.closeFile = closeFile;
  }

  /** The file that it stands in. */
  get file(): string {
    return this.ends.name;
  }

  /** What the file says; 0 when it says nothing. */
  get offset(): bigint {
    return this.ends.boundOf(this.key).offset;
  }

  /** What `set` was given with that offset. */
  get checkpoint(): number | undefined {
    return this.ends.boundOf(this.key).checkpoint;
  }

  /** Everything below `offset` is synced. Written soon; when it cannot be written, the bound stays lower. */
  note(offset: bigint): void {
    this.ends.note(this.key, offset);
  }

  /**
   * Replaces the bound, durably. Before a truncation it must not be higher than where the cut will be. `checkpoint`: CRC32C of the
   * files that stand for what is below it (`checkpoint.ts`).
   */
  set(offset: bigint, checkpoint?: number): Promise<void> {
    return this.ends.set(this.key, { offset, checkpoint });
  }

  /** The partition is no more. */
  async forget(): Promise<void> {
    this.ends.forget(this.key);
    await this.closeFile(false);
  }

  /** The partition notes nothing any more. Where the file is its own, what it has noted last is written when `keep` is set. */
  close(keep: boolean): Promise<void> {
    return this.closeFile(keep);
  }
}

const LINE_FEED = 10;

async function readAll({ store, name }: SyncedEndsOptions): Promise<Uint8Array | undefined> {
  try {
    return await store.read(name);
  } catch (cause) {
    throw new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `${name} cannot be read (${String(cause)}): repair the disk or restore the file. Without it the node starts, too, but ` +
        `takes damage to acknowledged records at the logs' ends for writes that a crash cut short`,
      { cause },
    );
  }
}

function linesOf(engine: Engine, bounds: Bounds): Uint8Array {
  const encoder = new TextEncoder();
  let lines = "";
  for (const [key, { offset, checkpoint }] of bounds) {
    const line = `${key} ${offset} ${checkpoint === undefined ? "-" : hex(checkpoint)}`;
    lines += `${line} ${hex(engine.crc32c(encoder.encode(line)))}\n`;
  }
  return encoder.encode(lines);
}

function boundsIn(engine: Engine, bytes: Uint8Array): Bounds {
  const encoder = new TextEncoder();
  const bounds: Bounds = new Map();
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    const { key = "", offset = "", checkpoint = "", crc } = LINE.exec(line)?.groups ?? {};
    if (crc === undefined || hex(engine.crc32c(encoder.encode(line.slice(0, -1 - crc.length)))) !== crc)
      continue;
    const bound = {
      offset: BigInt(offset),
      checkpoint: checkpoint === "-" ? undefined : Number.parseInt(checkpoint, 16),
    };
    if (bound.offset >= (bounds.get(key)?.offset ?? 0n)) bounds.set(key, bound);
  }
  return bounds;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
