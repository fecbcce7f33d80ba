import type {
  FollowOptions,
  LatestOptions,
  ReadOptions,
  ReceivedRecord,
  Replica,
  ReplicaPartition,
  ReplicaProgress,
} from "../core/api.ts";
import type { LocalRecord, PendingOptions } from "../core/api-pending.ts";
import { latestOf, localRecords } from "../core/local-record.ts";
import { LazyRecord } from "../core/received-record.ts";
import type { Codec } from "../core/received-record.ts";
import { received } from "../core/record-batch.ts";
import type { RecordBatch } from "../core/record-batch.ts";
import { ReplicaHandle, ReplicaNews } from "../core/replica-handle.ts";
import { heldBytes, heldRecords } from "../core/replica-sums.ts";
import { replicaProgress } from "../core/watch.ts";
import type { LastingFar } from "./lasting-far.ts";
import type { FarReplica } from "./replica-service.ts";
import { unframed, unframedLocal, whileOpen } from "./record-frames.ts";
import type { LocalFrame } from "./record-frames.ts";

/** The client that it is a part of. */
type Parts = Pick<LastingFar<never, unknown, unknown>, "leave" | "drop">;

/** A replica in a worker, for all its handles of the page. */
interface Told {
  readonly news: ReplicaNews;
  /** Aborts when it is closed. */
  readonly over: AbortSignal;
}

const told = new WeakMap<FarReplica, Told>();

function toldBy(far: FarReplica, client: Parts): Told {
  const known = told.get(far);
  if (known !== undefined) return known;
  const [news, over] = [new ReplicaNews(), new AbortController()];
  far.listen("progress", () => news.progress());
  far.listen("gap", (gap) => news.gap(gap));
  far.listen("rebuild", (rebuild) => news.rebuild(rebuild));
  far.listen("closed", () => {
    over.abort();
    client.leave(far);
  });
  const fresh = { news, over: over.signal };
  told.set(far, fresh);
  return fresh;
}

/** A replica in a worker, as one topic handle of the page sees it. */
export class RemoteReplica<V, K> extends ReplicaHandle implements Replica<V, K> {
  private readonly far: FarReplica;
  private readonly codec: Codec<V, K>;
  private readonly sendPublished: () => void;
  /** Aborts when it is closed. */
  private readonly over: AbortSignal;
  private readonly client: Parts;

  /** `sendPublished` is called before something pending is read, so that the worker knows of it. */
  constructor(far: FarReplica, codec: Codec<V, K>, sendPublished: () => void, client: Parts) {
    const { news, over } = toldBy(far, client);
    super(news);
    this.over = over;
    this.client = client;
    this.sendPublished = sendPublished;
    this.far = far;
    this.codec = codec;
  }

  get topic(): string {
    return this.far.state.topic;
  }

  get topicId(): string {
    return this.far.state.topicId;
  }

  get partitions(): readonly ReplicaPartition[] {
    return this.far.state.partitions;
  }

  get heldRecords(): number {
    return heldRecords(this.partitions);
  }

  get heldBytes(): number {
    return heldBytes(this.partitions);
  }

  read(options: ReadOptions & PendingOptions): AsyncGenerator<LocalRecord<V, K>, void, void>;
  read(options?: ReadOptions): AsyncGenerator<ReceivedRecord<V, K>, void, void>;
  read({ signal, pending, ...options }: ReadOptions & Partial<PendingOptions> = {}):
    AsyncGenerator<ReceivedRecord<V, K>, void, void> | AsyncGenerator<LocalRecord<V, K>, void, void> {
    const { far } = this;
    if (pending === true) return this.local(() => far.stream("readLocal", signal, options), signal);
    return this.received(unframed(far.stream("read", signal, options)), signal);
  }

  follow(options: FollowOptions & PendingOptions): AsyncGenerator<LocalRecord<V, K>, void, void>;
  follow(options?: FollowOptions): AsyncGenerator<ReceivedRecord<V, K>, void, void>;
  follow({ signal, pending, ...options }: FollowOptions & Partial<PendingOptions> = {}):
    AsyncGenerator<ReceivedRecord<V, K>, void, void> | AsyncGenerator<LocalRecord<V, K>, void, void> {
    const { far } = this;
    if (pending === true)
      return this.local(() => whileOpen(far, far.stream("followLocal", signal, options)), signal);
    return this.received(whileOpen(far, unframed(far.stream("follow", signal, options))), signal);
  }

  latest(key: K, options: LatestOptions & PendingOptions): Promise<LocalRecord<V, K> | undefined>;
  latest(key: K, options?: LatestOptions): Promise<ReceivedRecord<V, K> | undefined>;
  async latest(
    key: K,
    { pending, ...options }: LatestOptions & Partial<PendingOptions> = {},
  ): Promise<ReceivedRecord<V, K> | LocalRecord<V, K> | undefined> {
    const { far, topic, codec } = this;
    const encoded = codec.key.encode(key).slice();
    if (pending === true) {
      this.sendPublished();
      const found = await far.call("latestLocal", encoded, options);
      return found && latestOf(topic, found, codec);
    }
    const found = await far.call("latest", encoded, options);
    return found && new LazyRecord(topic, found.partition, found.record, codec);
  }

  caughtUp({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return this.far.call("caughtUp", signal);
  }

  progress({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ReplicaProgress, void, void> {
    return replicaProgress(this, this.news, signal, this.over, this.far.ended);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async close(): Promise<void> {
    if (!this.client.drop(this.far)) await this.far.call("close");
  }

  delete(): Promise<void> {
    return this.far.call("delete");
  }

  private async *local(
    open: () => AsyncIterable<LocalFrame>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<LocalRecord<V, K>, void, void> {
    this.sendPublished();
    yield* localRecords(this.topic, unframedLocal(open()), this.codec, {
      isOver: () => signal?.aborted === true,
    });
  }

  private received(
    batches: AsyncIterable<RecordBatch>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    return received(this.topic, batches, this.codec, { isOver: () => signal?.aborted === true });
  }
}
