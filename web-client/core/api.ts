/** The shapes of the public API: what an app sees. The classes behind them stay private. */
import type { RecordHeader } from "../../log/record.ts";
import type { Admin } from "./api-admin.ts";
import type { Group } from "./api-group.ts";
import type { LocalRecord, PendingOptions } from "./api-pending.ts";
import type { Position, SubscribeOptions, Subscription } from "./api-subscribe.ts";
import type { Serializer } from "./serializer.ts";
import type { TypedEventTarget } from "./typed-events.ts";

export interface ConnectOptions {
  /** Where the gateway is: `https://host`, `http://127.0.0.1:8080` (or `wss:`, `ws:`). */
  url: string | URL;
  /** Names what is kept on this device; the URL's origin when left out. Two names share nothing but the gateway. */
  name?: string;
  /**
   * What to sign in with, where the gateway asks for it: a JWT. Called before each connection, and in time before the last
   * one has run out: then give a fresh one. When it rejects it is asked again later; when it gives an empty text, nobody is
   * signed in.
   */
  token?: () => string | Promise<string>;
  /**
   * Whose this is: the subject (`sub`) of the tokens. What is kept on this device is kept for this user alone, and a token of
   * anybody else is not used. Left out, `token` is called at once to learn it: give it to open while offline without a token.
   */
  user?: string;
  /** Starts with the connection switched off, until `goOnline()`. */
  offline?: boolean;
  /**
   * Where `engine.wasm` is served, and beside it `engine.plain.wasm` for browsers without SIMD; next to this module when left
   * out. A browser gets one of them.
   */
  engineUrl?: string | URL;
  /** Closes the client. */
  signal?: AbortSignal;
}

/**
 * `offline` is either the app's own switch or a gateway that cannot be reached and is tried again. `signed out`: the gateway
 * lets nobody in with the token that there is, or there is none; what is published waits on this device, and `token` is asked
 * again from time to time, and by `goOnline()` after `goOffline()` at once.
 */
export interface ConnectionState {
  readonly name: "connecting" | "live" | "offline" | "signed out" | "closed";
  /** A sentence for people: why it is offline or closed. */
  readonly reason: string | undefined;
}

export class StateEvent extends Event {
  readonly state: ConnectionState;
  constructor(state: ConnectionState) {
    super("state");
    this.state = state;
  }
}

export interface RivuletEvents {
  /** The connection changed its state. */
  state: StateEvent;
}

/** One client: a connection that comes back by itself, an outbox, and what is kept on this device. */
export interface Rivulet extends TypedEventTarget<RivuletEvents>, AsyncDisposable {
  readonly state: ConnectionState;
  /** `memory`: this origin has no IndexedDB or no Web Locks; nothing survives the tab. */
  readonly storage: "indexeddb" | "memory";
  /**
   * Where the client does its work: beside the page, or in it where no worker could be started (the console says why). Where the
   * browser ends the worker, another one is started, and the state says so. All handles go on, and `delivered` of what was
   * `queued`; subscriptions go on. Calls and other iterations that were under way reject with a `retriable` error: begin them
   * again. Whether a record was stored whose `queued` was open is not known then (`outbox.list()`). Workers that end again and
   * again leave it `closed`.
   */
  readonly runsIn: "worker" | "page";
  /** Where this client keeps things, how safely, and how much room there is. To be shown; it asks the browser each time. */
  storageStatus(): Promise<StorageStatus>;
  /**
   * Asks the browser to keep what is on this device also when room is short (`navigator.storage.persist`): it may ask its user, so
   * call it when they know why. Answers whether it will. A replica that is opened asks by itself.
   */
  persist(): Promise<boolean>;
  /** The cluster behind the URL, as far as this device has ever learned it. */
  readonly clusterId: string | undefined;
  readonly outbox: Outbox;
  /** Makes, changes and describes topics and groups. */
  readonly admin: Admin;
  /** A topic by its name; nothing is asked of the gateway yet. Without options values are bytes, and keys text. */
  topic(name: string): Topic<Uint8Array, string>;
  topic<V, K = string>(name: string, options: TopicOptions<V, K>): Topic<V, K>;
  /**
   * The state now, and each time it changes; the newest one for who is slow. Ends with `closed`, or when the signal aborts.
   */
  states(options?: { signal?: AbortSignal }): AsyncIterableIterator<ConnectionState>;
  /** A consumer group, whose members share topics' partitions; nothing is asked of the gateway until somebody subscribes. */
  group(groupId: string): Group;
  /** All topics with the range that the gateway has and the range that this device holds; offline, as last known. */
  topics(): Promise<TopicSummary[]>;
  /**
   * Switches this tab off until `goOnline`: it reads and asks nothing. All tabs of one app share one connection, which is closed
   * when the last of them is switched off; until then what this tab publishes is delivered, and replicas that other tabs follow
   * go on.
   */
  goOffline(): void;
  /** Undoes `goOffline`, and connects at once. */
  goOnline(): void;
  /**
   * Ends all iterators, stops delivery, closes the stores. What waits in the outbox stays on the device; each `delivered` that
   * is still open rejects.
   */
  close(): Promise<void>;
}

export interface StorageStatus {
  readonly kind: "indexeddb" | "memory";
  /** A sentence for people: why it is memory. */
  readonly reason: string | undefined;
  /** The browser does not throw it away by itself when room is short. */
  readonly isPersisted: boolean;
  /** Bytes that this whole site takes, about; undefined: the browser does not tell. */
  readonly usage: number | undefined;
  /** Bytes that it may take, about; undefined as `usage`. */
  readonly quota: number | undefined;
  /**
   * A sentence for people: what the browser has thrown away under this client, and when. It goes on with an empty store; each
   * `delivered` of what was queued in this tab has rejected, and whether that is in the log is not known.
   */
  readonly lost: string | undefined;
}

export interface TopicOptions<V, K> {
  /** How values are written and read: `json()`, `text()`, `bytes()`, or the app's own. */
  value: Serializer<V>;
  /** How keys are written and read; text when left out. */
  key?: Serializer<K>;
}

export interface Topic<V, K = string> {
  readonly name: string;
  /** Puts a record into the outbox. Throws at once when key or value cannot be encoded. */
  publish(record: PublishRecord<V, K>): Publication;
  /**
   * As `subscribe`, and what was published on this device and has not come by in this subscription: from when it is queued on, at
   * once and offline too, as `replica.follow` tells of it; the last one of each `id` is what is to be shown. With `until` what is
   * pending comes once, at the end. Nothing is kept for it on this device: what is delivered before a subscription begins is
   * pending no more, and is in it only if it begins before that.
   */
  subscribe(options: SubscribeOptions & PendingOptions): Subscription<V, K, LocalRecord<V, K>>;
  /** Records as the gateway has them, in order per partition, going on live; ends when the signal aborts or the client closes. */
  subscribe(options?: SubscribeOptions): Subscription<V, K>;
  /**
   * Keeps whole partitions on this device. Asking again gives the same replica. Resolves offline too, once this device has heard
   * of the topic. One that it has never heard of, or that there is not yet (a first record makes it, or `admin.createTopic`), is
   * waited for: publish before, or without waiting for this; `subscribe` with `pending` shows meanwhile what is published to it.
   */
  replicate(options?: ReplicateOptions): Promise<Replica<V, K>>;
}

export interface PublishRecord<V, K = string> {
  /** Records with the same key go to the same partition and stay in order. */
  key?: K | null;
  /** null is a tombstone. */
  value: V | null;
  headers?: readonly RecordHeader[];
  /** Milliseconds since the epoch; now, corrected by the gateway's clock, when left out. */
  timestamp?: number;
}

export interface Publication {
  /** Safe on this device: it survives reload and crash (`storage` says whether there is a device store). */
  readonly queued: Promise<void>;
  /**
   * In the log, durably; whichever tab delivered it. Rejects with KafkaError when it was refused, discarded, or is in doubt;
   * when this tab was away for so long that nobody can tell any more; and when the client is closed before it has heard: what
   * the outbox holds stays on the device, and is delivered by the next visit (`storage` says whether there is a device store).
   */
  readonly delivered: Promise<Position>;
}

/** A record as the log holds it. Key and value are decoded when they are first asked for, and throw then if they cannot be. */
export interface ReceivedRecord<V, K = string> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the epoch; -1 when the producer gave none. */
  readonly timestamp: number;
  readonly key: K | null;
  readonly value: V | null;
  readonly keyBytes: Uint8Array | null;
  readonly valueBytes: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/**
 * How much of a topic stays on this device; whatever is left out sets no bound. Oldest records go first, a segment (an eighth
 * of a partition's share, at most 4 MiB) at a time. What would not be kept is not fetched either: a new replica begins there.
 *
 * Of a compacted topic (`cleanup.policy=compact`) superseded records go before any others.
 */
export interface Keep {
  /** Of all partitions together, each with an equal share: at least 128 KiB for each. */
  bytes?: number;
  /** Age of the oldest record, in milliseconds, by the records' timestamps and the gateway's clock. */
  ms?: number;
}

export interface ReplicateOptions {
  /** Partitions to keep; all when left out. */
  partitions?: readonly number[];
  /** How much of them; all when left out. The same replica that is asked for again with another `keep` has that one from then on. */
  keep?: Keep;
  signal?: AbortSignal;
}

export interface ReplicaEvents {
  /** Some partition's held range or state changed. */
  progress: Event;
  /** A range will not come: it is gone upstream before this device had read it, or is more than is kept here. */
  gap: GapEvent;
  /** A partition is fetched anew: what an app has made of it is to be made anew, too. `follow` begins anew by itself. */
  rebuild: RebuildEvent;
}

export class GapEvent extends Event {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  constructor(partition: number, from: bigint, to: bigint) {
    super("gap");
    this.partition = partition;
    this.from = from;
    this.to = to;
  }
}

/**
 * A compacted topic was away for longer than its `delete.retention.ms`: tombstones may have been missed, so that keys could
 * seem to be there that were deleted long ago.
 */
export class RebuildEvent extends Event {
  readonly partition: number;
  /** A sentence for people. */
  readonly reason: string;
  constructor(partition: number, reason: string) {
    super("rebuild");
    this.partition = partition;
    this.reason = reason;
  }
}

/** Whole partitions on this device, readable offline. */
export interface Replica<V, K = string> extends TypedEventTarget<ReplicaEvents>, AsyncDisposable {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly ReplicaPartition[];
  /** Offsets held, all partitions together: as many records, but for those that compaction has taken out. */
  readonly heldRecords: number;
  readonly heldBytes: number;
  /**
   * What this device holds, one partition after the other, and after it, in the order of publishing, what was published on this
   * device and is not in its replica yet: each record once, whatever is on its way meanwhile. Backwards that comes first, and
   * where `from` is given not at all.
   */
  read(options: ReadOptions & PendingOptions): AsyncIterableIterator<LocalRecord<V, K>>;
  /** What this device holds, one partition after the other; works offline. */
  read(options?: ReadOptions): AsyncIterableIterator<ReceivedRecord<V, K>>;
  /**
   * As `read`, forwards, and goes on with what arrives and with what is published. A pending record is told of when it is queued
   * and each time that its `state` changes, and comes once more, with the same `id`, as the record that has arrived (or as
   * `gone`). So the last one of each `id` is what is to be shown: put them into a Map by it. Of what is there at the beginning
   * the pending ones come last.
   */
  follow(options: FollowOptions & PendingOptions): AsyncIterableIterator<LocalRecord<V, K>>;
  /** As `read`, forwards, and goes on with what arrives. */
  follow(options?: FollowOptions): AsyncIterableIterator<ReceivedRecord<V, K>>;
  /**
   * The last record with this key that was published on this device and is not in its replica yet, but for what was refused; else
   * the last that it holds.
   */
  latest(key: K, options: LatestOptions & PendingOptions): Promise<LocalRecord<V, K> | undefined>;
  /**
   * The last record with this key that this device holds: its value is null when that is a tombstone. undefined: it holds none.
   * Works offline. Keys are looked for from the end: the first look-up of a key reads what was written since its last record, or
   * all that is held when there is none; others after it what has come since. It takes memory for the keys that were passed (16
   * MiB at most for each partition), and begins anew with each visit.
   */
  latest(key: K, options?: LatestOptions): Promise<ReceivedRecord<V, K> | undefined>;
  /**
   * Resolves once every partition has reached what was the gateway's end when it was last told. Rejects when one of them
   * never will: the topic is gone upstream, the partition has failed, or the replica is closed; and with the signal's reason.
   */
  caughtUp(options?: { signal?: AbortSignal }): Promise<void>;
  /** How far it is now, and each time that it changes; the newest for who is slow. Ends when it is closed, or the signal aborts. */
  progress(options?: { signal?: AbortSignal }): AsyncIterableIterator<ReplicaProgress>;
  /** Stops following; what is held stays on the device. So does `await using`. */
  close(): Promise<void>;
  /** Stops following and deletes what is held. */
  delete(): Promise<void>;
}

export interface ReplicaProgress {
  /** All partitions together. */
  readonly heldRecords: number;
  readonly heldBytes: number;
  /** Records that the gateway has and this device has not, as last told; undefined while that is not known of each partition. */
  readonly missingRecords: bigint | undefined;
  readonly partitions: readonly ReplicaPartition[];
}

export interface FollowOptions {
  /** All partitions when left out. */
  partition?: number;
  /**
   * An offset, only together with `partition`; or a time, in milliseconds since the epoch: the first record whose timestamp is not
   * less, and all after it, whatever theirs are. When left out, the first record.
   */
  from?: bigint | { readonly timestamp: number | Date };
  /** Begins so many offsets before the end of each partition, where `from` is left out: the newest records, and what comes. */
  last?: number;
  signal?: AbortSignal;
}

export interface ReadOptions extends Omit<FollowOptions, "last"> {
  /**
   * `backward`: newest first, from the record at `from` (at a time: from the last one before the first that is later; when left out,
   * from the last one) to the first. `forward` when left out.
   */
  direction?: "forward" | "backward";
}

export interface LatestOptions {
  /** The partition that the key is in; all are asked when left out, and the record with the greatest timestamp counts. */
  partition?: number;
}

export interface ReplicaPartition {
  readonly partition: number;
  /** The range that is held, and can be read, is [from, to); empty while this tab does not know it yet. */
  readonly from: bigint;
  readonly to: bigint;
  readonly bytes: number;
  /** The gateway's end when it was last told. */
  readonly highWatermark: bigint | undefined;
  /**
   * `waiting`: for the connection, or for this device's store, which has failed (then see `reason`) and is tried again.
   * `history`: a long way behind, taking in bulk. `live`: follows as records arrive.
   * `reading`: another tab follows, this one reads along; where that one does not get on, its state and reason are told.
   * `deleted`: the topic is gone upstream. `failed`: see `reason`.
   */
  readonly state: "waiting" | "history" | "live" | "reading" | "deleted" | "failed";
  readonly reason: string | undefined;
}

export interface OutboxEvents {
  /** Something was added, delivered, refused, retried or discarded. */
  change: Event;
}

/** What was published and is not in the log yet, oldest first; kept on the device until it is delivered or discarded. */
export interface Outbox extends TypedEventTarget<OutboxEvents> {
  /** Records that will be delivered without anyone's doing: waiting and sending. */
  readonly pending: number;
  /** Records that wait for a word of the app: held, in doubt, refused. */
  readonly asking: number;
  /** Why delivery does not get on although there may be a connection; undefined while it does. */
  readonly problem: string | undefined;
  list(): Promise<OutboxEntry[]>;
  /** Delivers these records as new ones. What is in doubt may then stand in the log twice. */
  retry(ids: readonly number[]): Promise<void>;
  /** Forgets these records; their `delivered` rejects. */
  discard(ids: readonly number[]): Promise<void>;
}

export interface OutboxEntry {
  readonly id: number;
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** When it was published, by this device's clock. */
  readonly timestamp: number;
  /**
   * `waiting`: not sent yet. `sending`: sealed, its answer is outstanding. `held`: not delivered, because the cluster or
   * the topic is another one now. `in doubt`: sent, and whether it arrived can no longer be known. `refused`: for good.
   */
  readonly state: "waiting" | "sending" | "held" | "in doubt" | "refused";
  readonly reason: string | undefined;
}

export interface TopicSummary {
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly PartitionSummary[];
}

export interface PartitionSummary {
  readonly partition: number;
  /** The gateway's range is [logStartOffset, highWatermark), as last known. */
  readonly logStartOffset: bigint;
  readonly highWatermark: bigint;
  /** The range on this device, when there is a replica. */
  readonly held: { readonly from: bigint; readonly to: bigint; readonly bytes: number } | undefined;
}
