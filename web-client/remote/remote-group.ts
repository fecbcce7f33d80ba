/** Members of groups that live in a worker, as the page sees them. */
import type { ReceivedRecord } from "../core/api.ts";
import { PartitionsEvent } from "../core/api-group.ts";
import type {
  Group,
  GroupEvents,
  GroupState,
  GroupSubscribeOptions,
  GroupSubscription,
  TopicPartition,
} from "../core/api-group.ts";
import { groupCodec, newMemberId, someOf } from "../core/group/group-options.ts";
import { LazyRecord } from "../core/received-record.ts";
import { typedEventTarget } from "../core/typed-events.ts";
import type { FarClient } from "./client-service.ts";
import type { FarMember } from "./group-service.ts";

export class RemoteGroup implements Group {
  readonly groupId: string;
  private readonly far: FarClient;

  constructor(groupId: string, far: FarClient) {
    this.groupId = groupId;
    this.far = far;
  }

  subscribe<V = Uint8Array, K = string>(
    topics: readonly string[],
    options: GroupSubscribeOptions<V, K> = {},
  ): GroupSubscription<V, K> {
    return new RemoteMember(this.far, this.groupId, someOf(topics), options);
  }
}

class RemoteMember<V, K> extends typedEventTarget<GroupEvents>() implements GroupSubscription<V, K> {
  readonly memberId = newMemberId(() => Math.random());
  private readonly client: FarClient;
  private readonly groupId: string;
  private readonly topics: readonly string[];
  private readonly options: GroupSubscribeOptions<V, K>;
  private joining: Promise<FarMember> | undefined;
  private seen: { readonly state: GroupState; readonly partitions: readonly TopicPartition[] } = {
    state: { name: "joining", reason: undefined },
    partitions: [],
  };
  private closing: Promise<void> | undefined;
  /** Aborts when it is to leave: it need not wait for another worker then. */
  private readonly leaving = new AbortController();
  private readonly stop = (): void => void this.close();

  constructor(
    client: FarClient,
    groupId: string,
    topics: readonly string[],
    options: GroupSubscribeOptions<V, K>,
  ) {
    super();
    this.client = client;
    this.groupId = groupId;
    this.topics = topics;
    this.options = options;
  }

  get state(): GroupState {
    return this.seen.state;
  }

  get partitions(): readonly TopicPartition[] {
    return this.seen.partitions;
  }

  async next(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
    if (this.closing !== undefined) return this.ended();
    try {
      const far = await this.join();
      const given = await far.call("next");
      if (given === undefined) return await this.ended();
      const { topic, partition, record } = given;
      return { done: false, value: new LazyRecord(topic, partition, record, groupCodec(this.options)) };
    } catch (error) {
      if (error === this.leaving.signal.reason || this.client.isOver(error))
        return { done: true, value: undefined };
      await this.close();
      throw error;
    }
  }

  return(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
    void this.close();
    return this.ended();
  }

  async commit(record?: TopicPartition & { readonly offset: bigint }): Promise<void> {
    const { topic, partition, offset } = record ?? {};
    const far = await this.join();
    if (topic === undefined || partition === undefined || offset === undefined) return far.call("commit");
    return far.call("commit", { topic, partition, offset });
  }

  close(): Promise<void> {
    this.closing ??= this.leave();
    return this.closing;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private join(): Promise<FarMember> {
    this.joining ??= this.ask();
    return this.joining;
  }

  private async ask(): Promise<FarMember> {
    const { value: _value, key: _key, signal, onGap, ...options } = this.options;
    signal?.addEventListener("abort", this.stop, { once: true });
    const { client, groupId, memberId, topics, leaving } = this;
    const far = await client.call("joinGroup", groupId, memberId, topics, options, leaving.signal);
    far.listen("gap", (gap) => onGap?.(gap));
    far.listen("partitions", ({ type, partitions }) => {
      this.seen = far.state;
      this.dispatchEvent(new PartitionsEvent(type, partitions));
    });
    far.listen("state", () => {
      this.seen = far.state;
      this.dispatchEvent(new Event("state"));
    });
    this.seen = far.state;
    if (signal?.aborted === true) this.stop();
    return far;
  }

  private async leave(): Promise<void> {
    this.options.signal?.removeEventListener("abort", this.stop);
    this.leaving.abort();
    // Whoever asks for a record is told why it could not join.
    const far = await this.joining?.catch(() => undefined);
    if (far === undefined) {
      this.seen = { ...this.seen, state: { name: "left", reason: undefined } };
      this.dispatchEvent(new Event("state"));
      return;
    }
    await far.call("close").catch((error: unknown) => {
      // Whoever is gone is no member any more, or not for long.
      if (!far.ended.aborted) throw error;
    });
    far.release();
  }

  private async ended(): Promise<IteratorResult<ReceivedRecord<V, K>, void>> {
    await this.closing;
    return { done: true, value: undefined };
  }
}
