/** What the gateway says about its topics: ids and partition counts, kept until something turns out to have changed. */
import { metadata as metadataApi } from "../wire/apis/metadata.ts";
import { ErrorCode, errorName, KafkaError } from "../wire/errors.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "./back-off.ts";
import type { LiveConnection } from "./live-connection.ts";
import { sleep } from "./wait.ts";

export interface TopicMetadata {
  readonly name: string;
  /** 22 characters, Kafka's url-safe base64. */
  readonly id: string;
  readonly partitions: number;
}

/** Codes that say that the topic is not there (yet). */
const ABSENT: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.LEADER_NOT_AVAILABLE,
]);

/** As Kafka's `metadata.max.age.ms`: a topic may get more partitions without anybody being told. */
const AGE_MAX_MS = 300_000;

export class Metadata {
  private readonly upstream: LiveConnection;
  private readonly known = new Map<string, { topic: TopicMetadata; atMs: number }>();
  private readonly listeners = new Set<(clusterId: string, topics: readonly TopicMetadata[]) => void>();
  private currentClusterId: string | undefined;

  constructor(upstream: LiveConnection) {
    this.upstream = upstream;
    // Another connection may lead to another cluster, or to topics made anew.
    upstream.onState((state) => {
      if (state.name !== "live") this.known.clear();
    });
  }

  /** The cluster of the last answer. */
  get clusterId(): string | undefined {
    return this.currentClusterId;
  }

  /** Calls `listener` with each answer's cluster and the topics it told; the answer takes it away again. */
  onLearned(listener: (clusterId: string, topics: readonly TopicMetadata[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** What was last told of a topic, however old. */
  lastTold(name: string): TopicMetadata | undefined {
    return this.known.get(name)?.topic;
  }

  /** Forgets what is known of a topic: an answer from the gateway did not fit it. */
  invalidate(name: string): void {
    this.known.delete(name);
  }

  /**
   * One topic as last told, else asked now. undefined when it is not there; with `create` the gateway makes it, where it
   * is set to do so. Rejects with NETWORK_EXCEPTION without a connection, or with the topic's own error.
   */
  async topic(name: string, options: { create?: boolean } = {}): Promise<TopicMetadata | undefined> {
    const known = this.fresh(name);
    if (known !== undefined) return known;
    const answer = await this.ask([name], options.create ?? false);
    const topic = answer.topics.find((candidate) => candidate.name === name);
    if (topic === undefined || ABSENT.has(topic.errorCode)) return undefined;
    if (topic.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(topic.errorCode, `topic ${name}: ${errorName(topic.errorCode)}`);
    }
    return this.fresh(name);
  }

  /** As `topic`, but waits for a connection, and until the topic is there. Rejects when the signal aborts. */
  async topicWhenThere(name: string, signal: AbortSignal): Promise<TopicMetadata> {
    for (let attempt = 0; ; attempt++) {
      await this.upstream.live(signal);
      try {
        const topic = await this.topic(name);
        if (topic !== undefined) return topic;
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable) throw error;
      }
      await sleep(this.upstream.clock, fullJitterMs(attempt, this.upstream.random, RETRY_BACK_OFF), signal);
      signal.throwIfAborted();
    }
  }

  /** All topics that can be used now, by name. */
  async all(): Promise<TopicMetadata[]> {
    await this.ask(null, false);
    return Array.from(this.known.values(), ({ topic }) => topic).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  }

  /** The cluster behind the present connection, and one of its nodes. */
  async cluster(): Promise<{ readonly clusterId: string; readonly nodeId: number }> {
    const { clusterId, controllerId, brokers } = await this.ask([], false);
    // A node that knows of no controller just now says -1, and of that one nothing can be asked.
    const nodeId = controllerId >= 0 ? controllerId : (brokers[0]?.nodeId ?? controllerId);
    return { clusterId: clusterId ?? "", nodeId };
  }

  private fresh(name: string): TopicMetadata | undefined {
    const known = this.known.get(name);
    if (known === undefined) return undefined;
    const ageMs = this.upstream.clock.now() - known.atMs;
    return ageMs >= 0 && ageMs < AGE_MAX_MS ? known.topic : undefined;
  }

  private async ask(names: readonly string[] | null, create: boolean) {
    const answer = await this.upstream.request(metadataApi, {
      topics: names === null ? null : names.map((name) => ({ name })),
      allowAutoTopicCreation: create,
    });
    const learned: TopicMetadata[] = [];
    if (names === null) this.known.clear();
    for (const topic of answer.topics) {
      if (topic.name === null || topic.errorCode !== ErrorCode.NONE) continue;
      const { name, topicId: id } = topic;
      learned.push({ name, id, partitions: topic.partitions.length });
    }
    const atMs = this.upstream.clock.now();
    for (const topic of learned) this.known.set(topic.name, { topic, atMs });
    this.currentClusterId = answer.clusterId ?? "";
    for (const listener of this.listeners) listener(this.currentClusterId, learned);
    return answer;
  }
}
