/** A client that lives in a worker, as the page sees it: each method asks, and what can be seen without asking is mirrored. */
import { SWITCHED_OFF } from "../../sync/switched-off.ts";
import { StateEvent } from "../core/api.ts";
import type {
  ConnectionState,
  Outbox,
  OutboxEntry,
  OutboxEvents,
  Publication,
  PublishRecord,
  Replica,
  ReplicateOptions,
  Rivulet,
  RivuletEvents,
  StorageStatus,
  Topic,
  TopicOptions,
  TopicSummary,
} from "../core/api.ts";
import type { Admin } from "../core/api-admin.ts";
import type { Group } from "../core/api-group.ts";
import type { LocalRecord, PendingOptions } from "../core/api-pending.ts";
import type { SubscribeOptions } from "../core/api-subscribe.ts";
import { textRecord } from "../core/encode-record.ts";
import type { TextRecord } from "../core/pack-records.ts";
import { codecOf } from "../core/received-record.ts";
import type { Codec } from "../core/received-record.ts";
import { localRecords } from "../core/local-record.ts";
import { received } from "../core/record-batch.ts";
import type { ReceivedOptions } from "../core/record-batch.ts";
import { RecordSubscription } from "../core/record-subscription.ts";
import { typedEventTarget } from "../core/typed-events.ts";
import { connectionStates } from "../core/watch.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { FarClient, LastingClient } from "./client-service.ts";
import { LastingFar } from "./lasting-far.ts";
import { Publisher } from "./publishing.ts";
import { RemoteGroup } from "./remote-group.ts";
import { RemoteReading } from "./remote-reading.ts";
import { RemoteReplica } from "./remote-replica.ts";
import type { Running } from "./start-worker.ts";

export class RemoteClient extends typedEventTarget<RivuletEvents>() implements Rivulet {
  readonly runsIn = "worker";
  readonly outbox: RemoteOutbox;
  readonly admin: Admin;
  /** By the app. */
  isSwitchedOff: boolean;
  private readonly far: LastingClient;
  private readonly publisher: Publisher;
  /** The last worker. */
  private running: Running;
  private connection: ConnectionState;
  /** How often this page has switched it on or off: what was so before is not told any more. */
  private switches = 0;
  private published = 0;
  private closing: Promise<void> | undefined;
  private readonly over = new AbortController();
  /** Starts workers, and has ended soon after `signal` aborts: the client's end waits for that. */
  keeping: Promise<void> | undefined;

  constructor(running: Running, isOffline: boolean) {
    super();
    const far: LastingClient = new LastingFar(running.far);
    this.far = far;
    this.running = this.attend(running);
    this.isSwitchedOff = isOffline;
    this.connection = far.state.connection;
    this.publisher = new Publisher(far);
    this.outbox = new RemoteOutbox(far, () => this.published - far.state.published);
    this.admin = farAdmin(far);
    far.listen("state", (state) => {
      if (state.name === "closed") void this.endWith(state.reason ?? "it has ended");
      if (far.state.switches >= this.switches || state.name === "closed") this.tell(state);
    });
  }

  get state(): ConnectionState {
    return this.connection;
  }

  get storage(): "indexeddb" | "memory" {
    return this.far.state.storage;
  }

  storageStatus(): Promise<StorageStatus> {
    return this.far.call("storageStatus");
  }

  persist(): Promise<boolean> {
    return this.far.call("persist");
  }

  get clusterId(): string | undefined {
    return this.far.state.clusterId;
  }

  topic(name: string): Topic<Uint8Array, string>;
  topic<V, K = string>(name: string, options: TopicOptions<V, K>): Topic<V, K>;
  topic<V, K>(name: string, options?: TopicOptions<V, K>): Topic<V, K> {
    const { publisher } = this;
    return new RemoteTopic(name, this.far, codecOf(options), {
      publish: (record) => {
        this.published += 1;
        return publisher.publish(name, record);
      },
      sendPublished: () => publisher.sendGroup(),
    });
  }

  states({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ConnectionState, void, void> {
    return connectionStates(this, signal);
  }

  group(groupId: string): Group {
    return new RemoteGroup(groupId, this.far);
  }

  topics(): Promise<TopicSummary[]> {
    return this.far.call("topics");
  }

  goOffline(): void {
    this.switch(true, { name: "offline", reason: SWITCHED_OFF });
  }

  goOnline(): void {
    this.switch(false, { name: "connecting", reason: undefined });
  }

  close(): Promise<void> {
    return this.endWith("closed by the app");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Aborts when it is closed, or about to be. */
  get signal(): AbortSignal {
    return this.over.signal;
  }

  /** Its worker is gone, and another one may come: what is asked waits for it. */
  pause(reason: string): void {
    if (!this.isSwitchedOff) this.tell({ name: "connecting", reason });
  }

  /** There is another worker; where it is too late for that, resolves when that one is gone. */
  async resume(running: Running): Promise<void> {
    if (this.signal.aborted) return running.end(this.signal.reason);
    if (running.far.ended.aborted) return;
    // What waits for this one, it does not know of yet.
    this.published -= this.far.state.published;
    this.running = this.attend(running);
    this.far.resume(running.far);
    if (this.switches === 0) this.tell(running.far.state.connection);
    this.outbox.dispatchEvent(new Event("change"));
  }

  /** Its worker is gone, and none will come. */
  lose(reason: string): void {
    this.closing ??= Promise.resolve();
    this.over.abort();
    const error = `the client is gone: ${reason}; what its outbox has stored stays on this device`;
    this.far.end(new KafkaError(ErrorCode.NETWORK_EXCEPTION, error), false);
    this.tell({ name: "closed", reason });
  }

  /** What it was told, and has not said, is not told any more when it has ended. */
  private attend(running: Running): Running {
    const forget = (): void => {
      this.switches = 0;
      this.published = running.far.state.published;
    };
    running.far.ended.addEventListener("abort", forget, { once: true });
    return running;
  }

  /** Once all has ended there, the worker ends, too. */
  private endWith(reason: string): Promise<void> {
    this.closing ??= this.endAll(reason);
    return this.closing;
  }

  private async endAll(reason: string): Promise<void> {
    const error = new KafkaError(ErrorCode.NETWORK_EXCEPTION, `the client is closed: ${reason}`);
    this.over.abort(error);
    // Where there is no worker at present, what waits for one has waited enough; what cannot be asked any more is closed.
    if (!this.far.isPaused) await this.far.call("close").catch(() => undefined);
    this.far.end(error, true);
    const ending = this.running.end(error);
    this.tell({ name: "closed", reason });
    await Promise.all([ending, this.keeping]);
  }

  /** The state follows at once, as it does where the client runs in the page. */
  private switch(isOff: boolean, state: ConnectionState): void {
    if (this.isSwitchedOff === isOff || this.connection.name === "closed") return;
    this.isSwitchedOff = isOff;
    this.switches += 1;
    this.far.call(isOff ? "goOffline" : "goOnline").catch(() => undefined);
    this.tell(state);
  }

  private tell(state: ConnectionState): void {
    const { name, reason } = this.connection;
    if (state.name === name && state.reason === reason) return;
    this.connection = state;
    this.dispatchEvent(new StateEvent(state));
  }
}

interface RecordSender {
  readonly publish: (record: TextRecord) => Publication;
  readonly sendPublished: () => void;
}

/** All its methods ask, and answer once. */
const ADMIN_METHODS: Readonly<Record<keyof Admin, true>> = {
  describeCluster: true,
  createTopic: true,
  describeTopic: true,
  deleteTopic: true,
  addPartitions: true,
  deleteRecords: true,
  describeConfigs: true,
  alterConfigs: true,
  listGroups: true,
  describeGroup: true,
  describeGroups: true,
  deleteGroup: true,
  alterGroupOffsets: true,
};

function farAdmin(far: FarClient): Admin {
  const methods = (Object.keys(ADMIN_METHODS) as (keyof Admin)[]).map((name) => [
    name,
    (...args: unknown[]) => far.call("admin", name, ...args),
  ]);
  return Object.fromEntries(methods) as Admin;
}

class RemoteTopic<V, K> implements Topic<V, K> {
  readonly name: string;
  private readonly far: LastingClient;
  private readonly codec: Codec<V, K>;
  private readonly sender: RecordSender;

  constructor(name: string, far: LastingClient, codec: Codec<V, K>, sender: RecordSender) {
    this.name = name;
    this.far = far;
    this.codec = codec;
    this.sender = sender;
  }

  publish(record: PublishRecord<V, K>): Publication {
    return this.sender.publish(textRecord(record, this.codec));
  }

  subscribe(options: SubscribeOptions & PendingOptions): RecordSubscription<V, K, LocalRecord<V, K>>;
  subscribe(options?: SubscribeOptions): RecordSubscription<V, K>;
  subscribe({ pending, ...options }: SubscribeOptions & Partial<PendingOptions> = {}):
    RecordSubscription<V, K> | RecordSubscription<V, K, LocalRecord<V, K>> {
    const reading = new RemoteReading(this.name, this.far, options);
    const stop = (): void => reading.stop();
    const taking: ReceivedOptions = {
      isOver: () => reading.signal.aborted,
      onTaken: (partition, next) => reading.moveTo(partition, next),
    };
    if (pending === true) return new RecordSubscription(this.local(reading, taking), stop);
    return new RecordSubscription(received(this.name, reading.batches(), this.codec, taking), stop);
  }

  private async *local(
    reading: RemoteReading,
    taking: ReceivedOptions,
  ): AsyncGenerator<LocalRecord<V, K>, void, void> {
    // So that the worker knows of it.
    this.sender.sendPublished();
    yield* localRecords(this.name, reading.local(), this.codec, taking);
  }

  async replicate(options: ReplicateOptions = {}): Promise<Replica<V, K>> {
    const { name, far: client } = this;
    const { signal: _signal, ...again } = options;
    const replica = client.part(await client.call("replicate", name, options), () =>
      client.call("replicate", name, again),
    );
    return new RemoteReplica(replica, this.codec, this.sender.sendPublished, client);
  }
}

class RemoteOutbox extends typedEventTarget<OutboxEvents>() implements Outbox {
  private readonly far: FarClient;
  private readonly underWay: () => number;

  /** `underWay` counts what was published and has not reached the worker. */
  constructor(far: FarClient, underWay: () => number) {
    super();
    this.far = far;
    this.underWay = underWay;
    far.listen("outbox", () => this.dispatchEvent(new Event("change")));
  }

  get pending(): number {
    return this.far.state.outbox.pending + this.underWay();
  }

  get asking(): number {
    return this.far.state.outbox.asking;
  }

  get problem(): string | undefined {
    return this.far.state.outbox.problem;
  }

  list(): Promise<OutboxEntry[]> {
    return this.far.call("listOutbox");
  }

  retry(ids: readonly number[]): Promise<void> {
    return this.far.call("retry", ids);
  }

  discard(ids: readonly number[]): Promise<void> {
    return this.far.call("discard", ids);
  }
}
