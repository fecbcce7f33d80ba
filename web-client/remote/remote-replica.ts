import { GapEvent, RebuildEvent } from "../core/api.ts";
import type {
  FollowOptions,
  LatestOptions,
  ReadOptions,
  ReceivedRecord,
  Replica,
  ReplicaEvents,
  ReplicaPartition,
  ReplicaProgress,
} from "../core/api.ts";
import { LazyRecord } from "../core/received-record.ts";
import type { Codec } from "../core/received-record.ts";
import { received } from "../core/record-batch.ts";
import type { RecordBatch } from "../core/record-batch.ts";
import { heldBytes, heldRecords } from "../core/replica-sums.ts";
import { typedEventTarget } from "../core/typed-events.ts";
import { replicaProgress } from "../core/watch.ts";
import type { FarReplica } from "./client-service.ts";
import { unframed, unframedWhileOpen } from "./record-frames.ts";

/** A replica in a worker, as one topic handle of the page sees it. */
export class RemoteReplica<V, K> extends typedEventTarget<ReplicaEvents>() implements Replica<V, K> {
  readonly topic: string;
  readonly topicId: string;
  private readonly far: FarReplica;
  private readonly codec: Codec<V, K>;
  /** Aborts when it is closed. */
  private readonly over = new AbortController();

  constructor(far: FarReplica, codec: Codec<V, K>) {
    super();
    this.far = far;
    this.codec = codec;
    this.topic = far.state.topic;
    this.topicId = far.state.topicId;
    far.listen("progress", () => this.dispatchEvent(new Event("progress")));
    far.listen("rebuild", ({ partition, reason }) => this.dispatchEvent(new RebuildEvent(partition, reason)));
    far.listen("closed", () => this.over.abort());
    far.listen("gap", ({ partition, from, to }) => this.dispatchEvent(new GapEvent(partition, from, to)));
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

  read({ signal, ...options }: ReadOptions = {}): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    return this.received(unframed(this.far.stream("read", signal, options)), signal);
  }

  follow({ signal, ...options }: FollowOptions = {}): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    return this.received(unframedWhileOpen(this.far, this.far.stream("follow", signal, options)), signal);
  }

  async latest(key: K, options: LatestOptions = {}): Promise<ReceivedRecord<V, K> | undefined> {
    const found = await this.far.call("latest", this.codec.key.encode(key).slice(), options);
    return found && new LazyRecord(this.topic, found.partition, found.record, this.codec);
  }

  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.far.call("caughtUp", signal);
  }

  progress({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ReplicaProgress, void, void> {
    return replicaProgress(this, signal, this.over.signal, this.far.ended);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  close(): Promise<void> {
    return this.far.call("close");
  }

  delete(): Promise<void> {
    return this.far.call("delete");
  }

  private received(
    batches: AsyncIterable<RecordBatch>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ReceivedRecord<V, K>, void, void> {
    return received(this.topic, batches, this.codec, { isOver: () => signal?.aborted === true });
  }
}
