/** The public face of a replica: its partitions together. */
import type { Metadata } from "../../sync/metadata.ts";
import { merge } from "../../sync/merge.ts";
import { watchPartitions } from "../../sync/partition-watch.ts";
import { deferred, linkedController } from "../../sync/wait.ts";
import { GapEvent, RebuildEvent } from "./api.ts";
import type {
  FollowOptions,
  Keep,
  LatestOptions,
  ReadOptions,
  ReceivedRecord,
  Replica,
  ReplicaEvents,
  ReplicaPartition,
  ReplicaProgress,
} from "./api.ts";
import type { Device } from "./device.ts";
import type { Leading } from "./leading.ts";
import { LazyRecord } from "./received-record.ts";
import type { Codec } from "./received-record.ts";
import { received } from "./record-batch.ts";
import type { PartitionRecord, RecordBatch } from "./record-batch.ts";
import { ReplicaPartitionKeeper } from "./replica-partition.ts";
import type { ReplicaPartitionOptions } from "./replica-partition.ts";
import { heldBytes, heldRecords } from "./replica-sums.ts";
import { directoryStore } from "./directory-store.ts";
import type { ReadableStore } from "./directory-store.ts";
import { replicaLock } from "./locks.ts";
import type { TabLocks } from "./locks.ts";
import { KEEP_BYTES_MIN, ReplicaTopic } from "./replica-topic.ts";
import type { TabChannel, TabMessage } from "./tab-channel.ts";
import type { KeptReplica } from "./tab-link.ts";
import { typedEventTarget } from "./typed-events.ts";
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
export class ReplicaKeeper extends typedEventTarget<ReplicaEvents>() {
  readonly topic: string;
  readonly topicId: string;
  readonly keepers: ReplicaPartitionKeeper[] = [];
  /** Calls each with a partition that the topic has got since. */
  readonly onMore = new Set<(keeper: ReplicaPartitionKeeper) => void>();
  private readonly options: ReplicaKeeperOptions;
  private readonly shared: ReplicaTopic;
  private readonly controller = new AbortController();
  private readonly running: Promise<void>[] = [];
  private readonly stopHearing: () => void;
  private readonly unnoted = new Set<ReplicaPartitionKeeper>();
  private cancelNote: (() => void) | undefined;

  constructor(options: ReplicaKeeperOptions) {
    super();
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
      onGap: (from, to) => this.dispatchEvent(new GapEvent(partition, from, to)),
      onCut: () => this.note(keeper),
      onRebuild: (reason) => this.dispatchEvent(new RebuildEvent(partition, reason)),
    });
    return keeper;
  }

  /** The tab that leads writes, with one of its replicas of this partition; the others read along. */
  private async writeWhileLeading(keeper: ReplicaPartitionKeeper): Promise<void> {
    const { signal } = this.controller;
    const { leading } = this.options;
    void keeper.lookAtNote(signal);
    await leading.whileLeading(signal, (ground, stop) =>
      leading.writers.hold(this.nameOf(keeper.partition), stop, () => keeper.write(stop, ground)),
    );
  }

  private hear(message: TabMessage): void {
    if (message.kind !== "replica" && message.kind !== "ask") return;
    const keeper = this.keepers.find((each) => this.nameOf(each.partition) === message.replica);
    if (message.kind === "replica") keeper?.hear(message, message.highWatermark, message.cut);
    else if (keeper?.isWriting === true) this.note(keeper);
  }

  private changed(keeper: ReplicaPartitionKeeper): void {
    const { partition, held } = keeper;
    if (held !== undefined) this.options.device.seeHeld(this.topicId, partition, held);
    if (keeper.isWriting) {
      this.unnoted.add(keeper);
      this.cancelNote ??= this.options.clock.setTimer(NOTE_INTERVAL_MS, () => this.noteAll());
    }
    this.dispatchEvent(new Event("progress"));
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
export class ReplicaClient<V, K> extends typedEventTarget<ReplicaEvents>() implements Replica<V, K> {
  readonly topic: string;
  readonly topicId: string;
  /** The same for all that keep the same partitions of a topic. */
  readonly keeper: ReplicaKeeper;
  private readonly codec: Codec<V, K>;
  private readonly release: (keeper: ReplicaKeeper, isDeleted: boolean) => Promise<void>;

  constructor(
    keeper: ReplicaKeeper,
    codec: Codec<V, K>,
    release: (keeper: ReplicaKeeper, isDeleted: boolean) => Promise<void>,
  ) {
    super();
    this.keeper = keeper;
    this.codec = codec;
    this.release = release;
    this.topic = keeper.topic;
    this.topicId = keeper.topicId;
    const { signal } = keeper;
    keeper.addEventListener("progress", () => this.dispatchEvent(new Event("progress")), { signal });
    keeper.addEventListener(
      "gap",
      ({ partition, from, to }) => this.dispatchEvent(new GapEvent(partition, from, to)),
      { signal },
    );
    keeper.addEventListener(
      "rebuild",
      ({ partition, reason }) => this.dispatchEvent(new RebuildEvent(partition, reason)),
      { signal },
    );
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

  read(options: ReadOptions = {}): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    return this.received(this.readBatches(options), options);
  }

  follow(options: FollowOptions = {}): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    return this.received(this.followBatches(options), options);
  }

  async latest(key: K, options: LatestOptions = {}): Promise<ReceivedRecord<V, K> | undefined> {
    const found = await this.latestRecord(this.codec.key.encode(key).slice(), options);
    return found && new LazyRecord(this.topic, found.partition, found.record, this.codec);
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
    const controller = linkedController(this.keeper.signal);
    const stop = (): void => controller.abort();
    options.signal?.addEventListener("abort", stop, { once: true });
    if (options.signal?.aborted === true) stop();
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
      options.signal?.removeEventListener("abort", stop);
    }
  }

  async caughtUp(signal?: AbortSignal): Promise<void> {
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
    this.addEventListener("progress", look);
    signal?.addEventListener("abort", look);
    this.keeper.signal.addEventListener("abort", look);
    look();
    try {
      await ended.promise;
    } finally {
      this.removeEventListener("progress", look);
      signal?.removeEventListener("abort", look);
      this.keeper.signal.removeEventListener("abort", look);
    }
  }

  progress({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ReplicaProgress, void, void> {
    return replicaProgress(this, signal, this.keeper.signal);
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
  { from, direction }: Pick<ReadOptions, "from" | "direction">,
): Promise<bigint> {
  const isBackward = direction === "backward";
  if (from === undefined) return isBackward ? (await keeper.readable()).to : 0n;
  if (typeof from === "bigint") return isBackward ? from + 1n : from;
  const timestamp = Number(from.timestamp);
  if (!Number.isFinite(timestamp))
    throw new TypeError(`from.timestamp is ${String(from.timestamp)}: no time`);
  const first = isBackward ? Math.floor(timestamp) + 1 : Math.ceil(timestamp);
  return (await keeper.offsetAt(BigInt(first))) ?? (await keeper.readable()).to;
}

/** Throws RangeError when so little cannot be kept. */
function checkKeep({ bytes, ms }: Keep, partitions: number): void {
  const least = KEEP_BYTES_MIN * partitions;
  if (bytes !== undefined && !(bytes >= least))
    throw new RangeError(`keep.bytes is ${bytes}: ${partitions} partitions need at least ${least}`);
  if (ms !== undefined && !(ms >= 1)) throw new RangeError(`keep.ms is ${ms}: it has to be at least 1`);
}
