/** The public face of a replica: its partitions together. */
import type { Metadata } from "../../sync/metadata.ts";
import { merge } from "../../sync/merge.ts";
import { watchPartitions } from "../../sync/partition-watch.ts";
import { deferred, linkedController, onAbort } from "../../sync/wait.ts";
import type {
  FollowOptions,
  Keep,
  LatestOptions,
  ReadOptions,
  ReceivedRecord,
  Replica,
  ReplicaPartition,
  ReplicaProgress,
} from "./api.ts";
import type { LocalRecord, PendingOptions } from "./api-pending.ts";
import type { Device } from "./device.ts";
import type { Leading } from "./leading.ts";
import type { LocalReading, PublishedHere } from "./local-reading.ts";
import type { LocalBatch } from "./local-record.ts";
import type { PendingEntry } from "./pending-tracker.ts";
import { LazyRecord } from "./received-record.ts";
import type { Codec } from "./received-record.ts";
import { received } from "./record-batch.ts";
import type { PartitionRecord, RecordBatch } from "./record-batch.ts";
import { ReplicaHandle, ReplicaNews } from "./replica-handle.ts";
import { ReplicaPartitionKeeper } from "./replica-partition.ts";
import type { ReplicaPartitionOptions } from "./replica-partition.ts";
import { heldBytes, heldRecords } from "./replica-sums.ts";
import { directoryStore } from "./directory-store.ts";
import type { ReadableStore } from "./directory-store.ts";
import { replicaLock } from "./locks.ts";
import type { TabLocks } from "./locks.ts";
import { KEEP_BYTES_MIN, ReplicaTopic } from "./replica-topic.ts";
import type { TabChannel, TabMessage, Trouble } from "./tab-channel.ts";
import type { KeptReplica } from "./tab-link.ts";
import { replicaProgress } from "./watch.ts";

export interface ReplicaKeeperOptions extends Pick<
  ReplicaPartitionOptions,
  "history" | "engine" | "clock" | "random"
> {
  metadata: Metadata;
  device: Device;
  channel: TabChannel;
  leading: Leading;
  clusterId: string;
  store: ReadableStore;
  topic: string;
  topicId: string;
  partitions: readonly number[];
  /** All partitions are kept: those that the topic gets later, too. */
  isWhole: boolean;
  keep: Keep;
  /** The gateway's time; left out: the device's clock is right. */
  serverTime?: (() => Promise<number>) | undefined;
}

/** What is held is noted at most this often: the note is for listing topics, the files are what counts. */
const NOTE_INTERVAL_MS = 500;

/** Keeps a topic's partitions, whatever types the app reads them as. */
export class ReplicaKeeper {
  readonly topic: string;
  readonly topicId: string;
  readonly keepers: ReplicaPartitionKeeper[] = [];
  readonly news = new ReplicaNews();
  /** Calls each with a partition that the topic has got since. */
  readonly onMore = new Set<(keeper: ReplicaPartitionKeeper) => void>();
  private readonly options: ReplicaKeeperOptions;
  private readonly shared: ReplicaTopic;
  private readonly controller = new AbortController();
  private readonly running: Promise<void>[] = [];
  private readonly stopHearing: () => void;
  private readonly unnoted = new Set<ReplicaPartitionKeeper>();
  /** What the other tabs were told last, while this one is in charge. */
  private readonly toldTroubles = new Map<ReplicaPartitionKeeper, string>();
  private cancelNote: (() => void) | undefined;

  constructor(options: ReplicaKeeperOptions) {
    this.options = options;
    this.topic = options.topic;
    this.topicId = options.topicId;
    checkKeep(options.keep, options.partitions.length);
    const { device } = options;
    this.shared = new ReplicaTopic({
      ...options,
      cleanup: device.cleanup(options.topicId),
      onCleanup: (cleanup) => device.noteCleanup(options.topicId, cleanup),
    });
    this.stopHearing = options.channel.hear((message) => this.hear(message));
    for (const partition of options.partitions) this.add(partition);
    if (!options.isWhole) return;
    const topic = { name: options.topic, id: options.topicId, partitions: options.partitions.length };
    watchPartitions(topic, { ...options, signal: this.signal }, (partitions) => {
      for (const keeper of partitions.map((partition) => this.add(partition))) {
        for (const hear of this.onMore) hear(keeper);
      }
    });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** All partitions are kept, also those that the topic gets later. */
  get isWhole(): boolean {
    return this.options.isWhole;
  }

  /** More or less is to be kept from now on. Throws RangeError. */
  keep(keep: Keep): void {
    checkKeep(keep, this.keepers.length);
    this.shared.keep = keep;
    for (const keeper of this.keepers) keeper.wake();
  }

  /** Stops following; what is held stays. */
  async close(): Promise<void> {
    this.controller.abort();
    this.stopHearing();
    await Promise.all(this.running);
    this.noteAll();
  }

  /** What it keeps, and has to be written for it. */
  get kept(): KeptReplica {
    const { clusterId, topic, topicId, isWhole } = this.options;
    const partitions = this.keepers.map(({ partition }) => partition);
    return { clusterId, topic, topicId, isWhole, partitions, keep: this.shared.keep };
  }

  /** Deletes what is held, once it is closed. What another one keeps still, here or in another tab, stays. */
  deleteHeld(): Promise<void> {
    return this.options.leading.deleteHeld(this.kept);
  }

  private nameOf(partition: number): string {
    const { device, clusterId, topicId } = this.options;
    return replicaLock(device, clusterId, topicId, partition);
  }

  private add(partition: number): ReplicaPartitionKeeper {
    const keeper = this.keeper(partition);
    this.keepers.push(keeper);
    this.options.channel.tell({ kind: "ask", replica: this.nameOf(partition) });
    this.running.push(this.writeWhileLeading(keeper));
    return keeper;
  }

  private keeper(partition: number): ReplicaPartitionKeeper {
    this.shared.addPartition();
    const keeper: ReplicaPartitionKeeper = new ReplicaPartitionKeeper({
      ...this.options,
      partition,
      shared: this.shared,
      noted: this.options.device.held(this.topicId, partition),
      onChange: () => this.changed(keeper),
      onGap: (from, to) => this.news.gap({ partition, from, to }),
      onCut: () => this.note(keeper),
      onRebuild: (reason) => this.news.rebuild({ partition, reason }),
    });
    return keeper;
  }

  /** The tab that leads writes, with one of its replicas of this partition; the others read along. */
  private async writeWhileLeading(keeper: ReplicaPartitionKeeper): Promise<void> {
    const { signal } = this.controller;
    const { leading } = this.options;
    void keeper.lookAtNote(signal);
    await leading.whileLeading(signal, (ground, stop) =>
      leading.writers.hold(this.nameOf(keeper.partition), stop, () => {
        // Somebody else may have told something since.
        this.toldTroubles.delete(keeper);
        return keeper.write(stop, ground);
      }),
    );
  }

  private hear(message: TabMessage): void {
    if (message.kind !== "replica" && message.kind !== "ask" && message.kind !== "standing") return;
    const keeper = this.keepers.find((each) => this.nameOf(each.partition) === message.replica);
    if (keeper === undefined) return;
    if (message.kind === "replica") return keeper.hear(message, message.highWatermark, message.cut);
    if (message.kind === "standing") return keeper.hearTrouble(message.trouble);
    if (keeper.isWriting) this.note(keeper);
    if (keeper.isInCharge) this.tellTrouble(keeper);
  }

  private changed(keeper: ReplicaPartitionKeeper): void {
    const { partition, held } = keeper;
    if (held !== undefined) this.options.device.seeHeld(this.topicId, partition, held);
    if (keeper.isWriting) {
      this.unnoted.add(keeper);
      this.cancelNote ??= this.options.clock.setTimer(NOTE_INTERVAL_MS, () => this.noteAll());
    }
    if (keeper.isInCharge && this.toldTroubles.get(keeper) !== textOf(keeper.trouble))
      this.tellTrouble(keeper);
    this.news.progress();
  }

  private tellTrouble(keeper: ReplicaPartitionKeeper): void {
    const { trouble } = keeper;
    this.toldTroubles.set(keeper, textOf(trouble));
    this.options.channel.tell({ kind: "standing", replica: this.nameOf(keeper.partition), trouble });
  }

  private noteAll(): void {
    this.cancelNote?.();
    this.cancelNote = undefined;
    for (const keeper of this.unnoted) this.note(keeper);
    this.unnoted.clear();
  }

  /** For the next visit, and for the other tabs. */
  private note(keeper: ReplicaPartitionKeeper): void {
    const { device, channel } = this.options;
    const { partition, held, lastCut: cut } = keeper;
    if (held === undefined) return;
    device.noteHeld(this.topicId, partition, held);
    const { highWatermark } = keeper.status;
    channel.tell({ kind: "replica", replica: this.nameOf(partition), ...held, highWatermark, cut });
  }
}

function textOf(trouble: Trouble | undefined): string {
  return trouble === undefined ? "" : `${trouble.state} ${trouble.reason}`;
}

/** In the tab that leads: deletes what is held of a replica's partitions, but for those that another one writes still. */
export async function deleteUnkept(
  { clusterId, topic, topicId, partitions }: KeptReplica,
  device: Device,
  writers: TabLocks,
): Promise<void> {
  const store = directoryStore(await device.replicas(clusterId), `${topicId}/`);
  for (const partition of partitions) {
    await writers.holdIfFree(replicaLock(device, clusterId, topicId, partition), async () => {
      await store.delete(await store.list(`${topic}-${partition}/`));
      device.noteHeld(topicId, partition, undefined);
    });
  }
}

/** A replica as one topic handle sees it, with its serializers. */
export class ReplicaClient<V, K> extends ReplicaHandle implements Replica<V, K> {
  readonly topic: string;
  readonly topicId: string;
  /** The same for all that keep the same partitions of a topic. */
  readonly keeper: ReplicaKeeper;
  private readonly codec: Codec<V, K>;
  private readonly published: PublishedHere;
  private readonly release: (keeper: ReplicaKeeper, isDeleted: boolean) => Promise<void>;

  constructor(
    keeper: ReplicaKeeper,
    codec: Codec<V, K>,
    published: PublishedHere,
    release: (keeper: ReplicaKeeper, isDeleted: boolean) => Promise<void>,
  ) {
    super(keeper.news);
    this.keeper = keeper;
    this.codec = codec;
    this.published = published;
    this.release = release;
    this.topic = keeper.topic;
    this.topicId = keeper.topicId;
  }

  get partitions(): readonly ReplicaPartition[] {
    return this.keeper.keepers.map((keeper) => keeper.status);
  }

  get heldRecords(): number {
    return heldRecords(this.partitions);
  }

  get heldBytes(): number {
    return heldBytes(this.partitions);
  }

  read(options: ReadOptions & PendingOptions): AsyncGenerator<LocalRecord<V, K>, void, void>;
  read(options?: ReadOptions): AsyncGenerator<ReceivedRecord<V, K>, void, void>;
  read(
    options: ReadOptions & Partial<PendingOptions> = {},
  ): AsyncGenerator<ReceivedRecord<V, K>, void, void> | AsyncGenerator<LocalRecord<V, K>, void, void> {
    if (options.pending === true) return this.local(this.readLocal(options), options);
    return this.received(this.readBatches(options), options);
  }

  follow(options: FollowOptions & PendingOptions): AsyncGenerator<LocalRecord<V, K>, void, void>;
  follow(options?: FollowOptions): AsyncGenerator<ReceivedRecord<V, K>, void, void>;
  follow(
    options: FollowOptions & Partial<PendingOptions> = {},
  ): AsyncGenerator<ReceivedRecord<V, K>, void, void> | AsyncGenerator<LocalRecord<V, K>, void, void> {
    if (options.pending === true) return this.local(this.followLocal(options), options);
    return this.received(this.followBatches(options), options);
  }

  latest(key: K, options: LatestOptions & PendingOptions): Promise<LocalRecord<V, K> | undefined>;
  latest(key: K, options?: LatestOptions): Promise<ReceivedRecord<V, K> | undefined>;
  async latest(
    key: K,
    options: LatestOptions & Partial<PendingOptions> = {},
  ): Promise<ReceivedRecord<V, K> | LocalRecord<V, K> | undefined> {
    const encoded = this.codec.key.encode(key).slice();
    const { topic, codec } = this;
    if (options.pending !== true) {
      const found = await this.latestRecord(encoded, options);
      return found && new LazyRecord(topic, found.partition, found.record, codec);
    }
    const found = await this.latestLocal(encoded, options);
    const { latestOf } = await this.published.code();
    return found && latestOf(topic, found, codec);
  }

  /** `read`, as bytes. */
  async *readBatches(options: ReadOptions = {}): AsyncGenerator<RecordBatch, void, void> {
    const isBackward = options.direction === "backward";
    for (const keeper of this.chosen(options)) {
      const { partition } = keeper;
      const start = await startOf(keeper, options);
      const batches = isBackward ? keeper.readBackward(start) : keeper.read(start);
      for await (const records of batches) {
        if (options.signal?.aborted === true) return;
        yield { partition, records };
      }
    }
  }

  /** `read` with `pending`, as bytes. */
  async *readLocal(options: ReadOptions): AsyncGenerator<LocalBatch, void, void> {
    if (options.direction !== "backward") return yield* (await this.localReading(options)).read();
    const reading = await this.localReading({ ...options, last: 0 });
    const pending = options.from === undefined ? await reading.pending() : [];
    if (options.signal?.aborted !== true) yield { pending: pending.toReversed() };
    for await (const { partition, records } of this.readBatches(options)) {
      // What has come since then was pending.
      const end = reading.positions.get(partition);
      const wanted = records.filter(({ offset }) => end === undefined || offset < end);
      yield { partition, records: wanted, ids: undefined };
    }
  }

  /** `follow` with `pending`, as bytes. */
  async *followLocal(options: FollowOptions): AsyncGenerator<LocalBatch, void, void> {
    yield* (await this.localReading(options)).follow();
  }

  /** `latest` with `pending`, as bytes. */
  async latestLocal(
    key: Uint8Array,
    options: LatestOptions,
  ): Promise<PartitionRecord | PendingEntry | undefined> {
    const pending = await (await this.localReading({ ...options, last: 0 })).pending();
    const isOfKey = (entry: PendingEntry): boolean =>
      entry.state !== "refused" &&
      entry.key?.length === key.length &&
      key.every((byte, at) => byte === entry.key?.[at]);
    return pending.findLast(isOfKey) ?? this.latestRecord(key, options);
  }

  private async localReading(options: FollowOptions): Promise<LocalReading> {
    const { onMore, signal, isWhole } = this.keeper;
    const { LocalReading } = await this.published.code();
    return new LocalReading({
      topic: this.topic,
      topicId: () => this.topicId,
      published: this.published,
      onMore,
      keepers: () => this.chosen(options),
      isWhole: isWhole && options.partition === undefined,
      startOf: (keeper) => startOf(keeper, options),
      signals: [signal, options.signal],
    });
  }

  /** `latest`, as bytes. */
  async latestRecord(key: Uint8Array, options: LatestOptions): Promise<PartitionRecord | undefined> {
    const found = await Promise.all(
      this.chosen(options).map(async (keeper) => {
        const record = await keeper.latest(key);
        return record && { partition: keeper.partition, record };
      }),
    );
    // Whoever writes a key writes to one partition, unless the topic has got more of them since.
    return found
      .filter((each) => each !== undefined)
      .reduce<PartitionRecord | undefined>(
        (last, each) => (last !== undefined && last.record.timestamp >= each.record.timestamp ? last : each),
        undefined,
      );
  }

  /** `follow`, as bytes. */
  async *followBatches(options: FollowOptions = {}): AsyncGenerator<RecordBatch, void, void> {
    const controller = linkedController(this.keeper.signal, options.signal);
    const stop = (): void => controller.abort();
    const open = async function* (keeper: ReplicaPartitionKeeper, begin: FollowOptions) {
      const { partition } = keeper;
      const start = await startOf(keeper, begin);
      for await (const records of keeper.follow(start, controller.signal)) yield { partition, records };
    };
    const sources = this.chosen(options).map((keeper) => open(keeper, options));
    const { onMore } = this.keeper;
    let hear: ((keeper: ReplicaPartitionKeeper) => void) | undefined;
    const merged = merge(sources, stop, (add) => {
      if (options.partition !== undefined) return;
      hear = (keeper) => add(open(keeper, {}));
      onMore.add(hear);
    });
    try {
      yield* merged;
    } finally {
      if (hear !== undefined) onMore.delete(hear);
      stop();
    }
  }

  async caughtUp({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const isCaughtUp = (): boolean =>
      this.partitions.every(({ to, highWatermark }) => highWatermark !== undefined && to >= highWatermark);
    const ended = deferred<void>();
    const look = (): void => {
      const over = this.partitions.find(({ state }) => state === "deleted" || state === "failed");
      if (signal?.aborted === true || this.keeper.signal.aborted)
        ended.reject(signal?.reason instanceof Error ? signal.reason : new Error("the replica was closed"));
      else if (isCaughtUp()) ended.resolve();
      else if (over !== undefined)
        ended.reject(
          new Error(`partition ${over.partition} will not catch up: ${over.reason ?? over.state}`),
        );
    };
    const stopHearing = this.news.hear(look);
    const forget = [signal, this.keeper.signal].map((each) => each && onAbort(each, look));
    look();
    try {
      await ended.promise;
    } finally {
      stopHearing();
      for (const each of forget) each?.();
    }
  }

  progress({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ReplicaProgress, void, void> {
    return replicaProgress(this, this.news, signal, this.keeper.signal);
  }

  close(): Promise<void> {
    return this.release(this.keeper, false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  delete(): Promise<void> {
    return this.release(this.keeper, true);
  }

  private chosen({ partition, from }: Pick<ReadOptions, "partition" | "from">) {
    if (typeof from === "bigint" && partition === undefined)
      throw new TypeError("`from` is an offset of one partition: name the partition, too");
    return this.keeper.keepers.filter((keeper) => partition === undefined || keeper.partition === partition);
  }

  private async *local(
    batches: AsyncIterable<LocalBatch>,
    { signal }: ReadOptions,
  ): AsyncGenerator<LocalRecord<V, K>, void, void> {
    const { localRecords } = await this.published.code();
    yield* localRecords(this.topic, batches, this.codec, { isOver: () => signal?.aborted === true });
  }

  private received(
    batches: AsyncIterable<RecordBatch>,
    { signal }: ReadOptions,
  ): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    return received(this.topic, batches, this.codec, { isOver: () => signal?.aborted === true });
  }
}

/** The offset to begin at; reading backwards, the one after it. */
async function startOf(
  keeper: ReplicaPartitionKeeper,
  { from, last, direction }: Pick<ReadOptions, "from" | "direction"> & Pick<FollowOptions, "last">,
): Promise<bigint> {
  const isBackward = direction === "backward";
  if (from === undefined && last !== undefined) return beforeEnd(keeper, last);
  if (from === undefined) return isBackward ? (await keeper.readable()).to : 0n;
  if (typeof from === "bigint") return isBackward ? from + 1n : from;
  const timestamp = Number(from.timestamp);
  if (!Number.isFinite(timestamp))
    throw new TypeError(`from.timestamp is ${String(from.timestamp)}: no time`);
  const first = isBackward ? Math.floor(timestamp) + 1 : Math.ceil(timestamp);
  return (await keeper.offsetAt(BigInt(first))) ?? (await keeper.readable()).to;
}

async function beforeEnd(keeper: ReplicaPartitionKeeper, last: number): Promise<bigint> {
  if (!(last >= 0)) throw new RangeError(`last is ${last}: it is how many offsets before the end to begin`);
  const { from, to } = await keeper.readable();
  const wanted = Number.isFinite(last) ? to - BigInt(Math.ceil(last)) : from;
  return wanted < from ? from : wanted;
}

/** Throws RangeError when so little cannot be kept. */
function checkKeep({ bytes, ms }: Keep, partitions: number): void {
  const least = KEEP_BYTES_MIN * partitions;
  if (bytes !== undefined && !(bytes >= least))
    throw new RangeError(`keep.bytes is ${bytes}: ${partitions} partitions need at least ${least}`);
  if (ms !== undefined && !(ms >= 1)) throw new RangeError(`keep.ms is ${ms}: it has to be at least 1`);
}
