/** One partition on this device: this tab writes it, or another does and this one reads along. */
import type { Clock } from "../../log/clock.ts";
import type { Engine } from "../../log/engine.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { LogRecord } from "../../log/record.ts";
import { fullJitterMs } from "../../sync/back-off.ts";
import type { BackOffOptions } from "../../sync/back-off.ts";
import { errorText } from "../../sync/error-text.ts";
import type { FollowerOptions } from "../../sync/follower.ts";
import { aborted, Bell, onAbort, sleep } from "../../sync/wait.ts";
import type { ReplicaPartition } from "./api.ts";
import type { HeldRange } from "./device.ts";
import type { ReadableStore } from "./directory-store.ts";
import { KeyIndex } from "./key-index.ts";
import type { KeyIndexSource } from "./key-index.ts";
import type { LeadingGround } from "./leading.ts";
import { ReplicaReader } from "./replica-reader.ts";
import type { ReplicaReading } from "./replica-reader.ts";
import type { ReplicaTopic } from "./replica-topic.ts";
import { ReplicaWriter, StoreLost } from "./replica-writer.ts";
import { doSteadily, readSteadily } from "./steady-read.ts";
import type { SteadyReadOptions } from "./steady-read.ts";
import { isPassing, storeFailureText } from "./store-failure.ts";
import type { Trouble } from "./tab-channel.ts";

export interface ReplicaPartitionOptions extends Pick<FollowerOptions, "history"> {
  store: ReadableStore;
  engine: Engine;
  clock: Clock;
  /** Answers [0, 1). */
  random: () => number;
  topic: string;
  topicId: string;
  partition: number;
  /** What it shares with the topic's other partitions. */
  shared: ReplicaTopic;
  /** What an earlier visit, or another tab, has noted: the note may have outlived what it tells of. */
  noted: HeldRange | undefined;
  onChange: () => void;
  onGap: (from: bigint, to: bigint) => void;
  /** It was cut back: other tabs should know at once. */
  onCut: () => void;
  /** It is fetched anew. */
  onRebuild: (reason: string) => void;
}

/** Of a store that has failed. One that is full may be so for hours, and what is fetched meanwhile is fetched in vain. */
const STORE_BACK_OFF: BackOffOptions = { baseMs: 500, capMs: 120_000 };
/** A store that has worked for so long has recovered from what it failed with before. */
const RECOVERED_MS = 60_000;
/** Within this time a tab that writes has told how far it is, or there is none, and this one writes. */
const TOLD_WITHIN_MS = 1000;

/** What was held from `to` on is gone, or is others now; `id` tells it from other times. */
export interface Cut {
  readonly id: number;
  readonly to: bigint;
}

export class ReplicaPartitionKeeper {
  readonly partition: number;
  /** Rings when what is held has changed. */
  readonly moved = new Bell();
  private readonly options: ReplicaPartitionOptions;
  private writer: ReplicaWriter | undefined;
  /** What the tab that writes has told, or this one has seen in the files, while it does not write. */
  private told: HeldRange | undefined;
  /** What was held when the store was lost. */
  private lost: HeldRange | undefined;
  private toldHighWatermark: bigint | undefined;
  /** Why it does not get on, as the tab that writes has told. */
  private toldTrouble: Trouble | undefined;
  /** Why the log is not open although this tab writes it. */
  private halt: Trouble | undefined;
  /** Where the replica was cut back, as far as this tab knows, in order. */
  private readonly cuts: bigint[] = [];
  private ownCut: Cut | undefined;
  private heardCut: number | undefined;
  private readonly keys: KeyIndex;
  private readonly reader: ReplicaReader;
  /** What was told last to be gone upstream. */
  private lastGap: { readonly from: bigint; readonly to: bigint } | undefined;

  constructor(options: ReplicaPartitionOptions) {
    this.options = options;
    this.partition = options.partition;
    const { store, engine } = options;
    this.reader = new ReplicaReader({ store, engine, directory: this.directory, log: () => this.log });
    this.keys = new KeyIndex(this.keySource());
  }

  /** While this tab writes it. */
  private get log(): PartitionLog | undefined {
    return this.writer?.log;
  }

  private get directory(): string {
    return `${this.options.topic}-${this.partition}`;
  }

  get status(): ReplicaPartition {
    const { writer, partition } = this;
    if (writer === undefined) {
      const { from, to, bytes } = this.told ?? { from: 0n, to: 0n, bytes: 0 };
      const { state, reason } = this.halt ?? this.toldTrouble ?? { state: "reading", reason: undefined };
      return {
        partition,
        from,
        to,
        bytes,
        highWatermark: this.toldHighWatermark,
        state,
        reason,
      };
    }
    const { log, follower, isHealing } = writer;
    return {
      partition,
      from: log.logStartOffset,
      // What is still being written cannot be read yet.
      to: log.highWatermark,
      bytes: log.sizeBytes,
      highWatermark: follower.highWatermark,
      state: follower.state === "stopped" || isHealing ? "waiting" : follower.state,
      reason: isHealing ? storeFailureText(follower.failure) : writer.reason,
    };
  }

  /** The range that can be read; undefined while nobody knows. */
  get held(): HeldRange | undefined {
    if (this.log === undefined) return this.told;
    const { from, to, bytes } = this.status;
    return { from, to, bytes };
  }

  get isWriting(): boolean {
    return this.log !== undefined;
  }

  /** Whether it is this tab that writes, or would if it could. */
  get isInCharge(): boolean {
    return this.isWriting || this.halt !== undefined;
  }

  /** Why it does not get on, for the tabs that read along; undefined: it does, or waits for no more than the connection. */
  get trouble(): Trouble | undefined {
    const { state, reason } = this.status;
    if (state === "live" || state === "history" || state === "reading" || reason === undefined)
      return undefined;
    return { state, reason };
  }

  /** More or less is to be kept from now on. */
  wake(): void {
    this.writer?.wake();
  }

  /** What of what was held was cut off last, while this tab wrote it. */
  get lastCut(): Cut | undefined {
    return this.ownCut;
  }

  /** Another tab, which writes this partition, tells how far it is, and what it has cut off last. */
  hear(range: HeldRange, highWatermark: bigint | undefined, cut: Cut | undefined): void {
    if (this.isWriting) return;
    // One that was before anything was heard is part of what was read.
    if (cut !== undefined && cut.id !== this.heardCut && this.told !== undefined) this.cuts.push(cut.to);
    this.heardCut = cut?.id;
    this.told = range;
    this.toldHighWatermark = highWatermark;
    this.changed();
  }

  /** Another tab, which writes this partition or should, tells why it does not get on. */
  hearTrouble(trouble: Trouble | undefined): void {
    if (this.isInCharge) return;
    this.toldTrouble = trouble;
    this.changed();
  }

  /**
   * Goes by the note of an earlier visit when nobody tells how far the replica is (the tab that writes may be frozen), and if
   * the files hold what it says: a loss of power may have taken them and left the note. Never rejects.
   */
  async lookAtNote(signal: AbortSignal): Promise<void> {
    const { noted, clock } = this.options;
    const isKnown = (): boolean => this.isWriting || this.told !== undefined;
    if (noted === undefined || noted.to <= noted.from) return;
    await sleep(clock, TOLD_WITHIN_MS, signal);
    if (signal.aborted || isKnown()) return;
    // A store that fails now leaves it unknown until somebody tells.
    const isThere = await this.reader.reaches(noted.to).catch(() => false);
    if (!isThere || isKnown()) return;
    this.told = noted;
    this.changed();
  }

  /**
   * Writes until the signal aborts; only while this tab leads, and nobody else in it writes the partition. When the store
   * fails, the log is closed, and opened again after a while.
   */
  async write(signal: AbortSignal, ground: LeadingGround): Promise<void> {
    const { clock, random } = this.options;
    let failures = 0;
    while (!signal.aborted) {
      const beganMs = clock.now();
      const failure = await this.writeUntilItFails(signal, ground);
      if (signal.aborted) break;
      if (!isPassing(failure)) {
        this.stop({ state: "failed", reason: errorText(failure) });
        await aborted(signal);
        break;
      }
      if (clock.now() - beganMs >= RECOVERED_MS) failures = 0;
      const waitMs = fullJitterMs(failures++, random, STORE_BACK_OFF);
      const seconds = Math.ceil(waitMs / 1000);
      this.stop({
        state: "waiting",
        reason: `${storeFailureText(failure)}; trying again within ${seconds} s`,
      });
      await sleep(clock, waitMs, signal);
    }
    // Somebody else's from now on.
    this.halt = undefined;
  }

  private cut(to: bigint): void {
    this.cuts.push(to);
    this.ownCut = { id: this.options.random(), to };
    this.options.onCut();
  }

  private stop(halt: Trouble): void {
    this.halt = halt;
    this.changed();
  }

  /** Answers why it cannot go on: when the signal has aborted, or when the store has failed. */
  private async writeUntilItFails(signal: AbortSignal, ground: LeadingGround): Promise<unknown> {
    let writer: ReplicaWriter;
    try {
      writer = await ReplicaWriter.open({
        ...this.options,
        upstream: ground.upstream,
        metadata: ground.metadata,
        directory: this.directory,
        expected: this.lost ?? this.told ?? this.options.noted,
        onChange: () => this.changed(),
        onGap: (from, to) => this.tellGap(from, to),
        onCut: (end) => this.cut(end),
      });
    } catch (error) {
      return error;
    }
    this.halt = undefined;
    this.toldTrouble = undefined;
    this.writer = writer;
    this.changed();
    const failure = await writer.done(signal);
    await writer.stop();
    // What is left of it is known when it is opened anew.
    this.lost = failure instanceof StoreLost ? this.held : undefined;
    this.told = this.lost === undefined ? this.held : undefined;
    this.toldHighWatermark = this.status.highWatermark;
    this.writer = undefined;
    await writer.close();
    this.moved.ring();
    return failure;
  }

  /**
   * Records from `offset` on, a batch at a time, up to the end that is held when it gets there. Answers where it ended, which
   * is where it is when the signal aborts while the store fails.
   */
  read(offset: bigint, signal?: AbortSignal): AsyncGenerator<LogRecord[], bigint, void> {
    return this.readOn(offset, offset, { signal });
  }

  /** Records below `offset`, newest first, down to where what is held begins. Answers where it ended. */
  readBackward(offset: bigint, signal?: AbortSignal): AsyncGenerator<LogRecord[], bigint, void> {
    return readSteadily((from) => this.reader.readBackward(from), offset, this.steady(signal), "backward");
  }

  /** The first record that is held of that time (milliseconds since the epoch) or later; undefined: there is none. */
  offsetAt(timestamp: bigint): Promise<bigint | undefined> {
    return doSteadily(() => this.reader.offsetAt(timestamp), this.steady());
  }

  /** Where what can be read begins and ends. */
  readable(): Promise<{ from: bigint; to: bigint }> {
    return doSteadily(() => this.reader.held(), this.steady());
  }

  /** The last record that is held with this key, a tombstone too; undefined: there is none. */
  latest(key: Uint8Array): Promise<LogRecord | undefined> {
    return this.keys.latest(key);
  }

  private keySource(): KeyIndexSource {
    const changes = (): number => this.cuts.length;
    return {
      held: () => this.readable(),
      read: (offset) => this.read(offset),
      readBackward: (offset) => this.readBackward(offset),
      recordAt: (offset) => doSteadily(() => this.reader.recordAt(offset), this.steady()),
      get changes() {
        return changes();
      },
    };
  }

  private steady(signal?: AbortSignal): SteadyReadOptions {
    const { clock, random } = this.options;
    return { clock, random, signal };
  }

  /** `read` of a reader that has begun at `begin`; `onBatch` as with `ReplicaReading`. */
  readOn(
    begin: bigint,
    offset: bigint,
    { signal, onBatch }: { signal?: AbortSignal | undefined; onBatch?: ReplicaReading["onBatch"] },
  ): AsyncGenerator<LogRecord[], bigint, void> {
    const reading: ReplicaReading = {
      onBatch,
      told: () => this.told?.to,
      // A reader that has read nothing yet begins where what is held does.
      onMissing: (from: bigint, to: bigint) => from > begin && this.tellGap(from, to),
    };
    return readSteadily((from) => this.reader.read(from, reading), offset, this.steady(signal));
  }

  /** How often it was cut back, as far as this tab knows. */
  get cutCount(): number {
    return this.cuts.length;
  }

  /** Where a reader that has begun at `begin` goes on, who was at `next` and had seen so many cuts. */
  afterCuts(cutsSeen: number, begin: bigint, next: bigint): bigint {
    return this.cuts.slice(cutsSeen).reduce((at, end) => (end >= at ? at : end < begin ? begin : end), next);
  }

  /** As `read`, and waits for more; goes back to where the replica was cut. Ends when the signal aborts. */
  async *follow(offset: bigint, signal: AbortSignal): AsyncGenerator<LogRecord[], void, void> {
    const wake = (): void => this.moved.ring();
    const forget = onAbort(signal, wake);
    try {
      let next = offset;
      let cutsSeen = this.cuts.length;
      while (!signal.aborted) {
        const move = this.moved.next();
        const before = next;
        next = this.afterCuts(cutsSeen, offset, yield* this.readOn(offset, next, { signal }));
        cutsSeen = this.cuts.length;
        if (next === before && !signal.aborted) await move;
      }
    } finally {
      forget();
    }
  }

  /** A reader that is where the replica was hears of the same gap as the tab that writes. */
  private tellGap(from: bigint, to: bigint): void {
    const { lastGap } = this;
    if (lastGap !== undefined && from >= lastGap.from && to <= lastGap.to) return;
    this.lastGap = { from, to };
    this.options.onGap(from, to);
  }

  private changed(): void {
    this.moved.ring();
    this.options.onChange();
  }
}
