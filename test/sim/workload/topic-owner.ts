/** Makes the topics of the run and keeps them there, gives them more partitions, deletes them and makes them again under their names. */
import { createPartitions } from "../../../wire/apis/create-partitions.ts";
import { createTopics } from "../../../wire/apis/create-topics.ts";
import { deleteTopics } from "../../../wire/apis/delete-topics.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run, WorkloadTopic } from "../workload.ts";
import { KafkaClient, topicsNow, type KafkaTopic } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { topicIdNow } from "./log-now.ts";
import { sleep } from "./waiting.ts";

export interface TopicOwnerOptions {
  /** Topics that are deleted and made again now and then. */
  readonly deletable: ReadonlySet<string>;
  /** Mean time between two deletions, in milliseconds. */
  readonly deletionMeanMs: number;
  /** Mean time between two additions of a partition; undefined: never. */
  readonly growthMeanMs: number | undefined;
}

const CREATE_VERSION = 7;
const DELETE_VERSION = 6;
const GROW_VERSION = 3;
const PARTITIONS_MAX = 5;
const LOOK_MS = [100, 3000] as const;
const TIMEOUT_MS = 30_000;

export class TopicOwner implements Actor {
  readonly name: string;
  private readonly run: Run;
  private readonly options: TopicOwnerOptions;
  private readonly random: Random;
  private readonly client: KafkaClient;
  /** Ids that were noted as there, with the topic's name. */
  private readonly created = new Map<string, string>();
  /** Deletions that were asked for and are not known to be done: topic id and name. */
  private readonly deleting = new Map<string, string>();
  /** Topics that stay away until then. */
  private readonly awayUntilMs = new Map<string, number>();
  private nextDeletionMs: number;
  private nextGrowthMs: number;
  private isCalm = false;

  constructor(run: Run, name: string, options: TopicOwnerOptions) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = run.random.fork(name);
    this.client = new KafkaClient(run, name);
    this.nextDeletionMs = this.next(options.deletionMeanMs);
    this.nextGrowthMs = this.next(options.growthMeanMs ?? Infinity);
  }

  start(): void {
    void this.client.keepConnected((connection) => this.work(connection));
  }

  calm(): void {
    this.isCalm = true;
    this.awayUntilMs.clear();
  }

  get waitsFor(): string | undefined {
    const [deleting] = this.deleting.values();
    if (deleting !== undefined) return `topic ${deleting} to be deleted`;
    for (const { name } of this.run.topics) {
      const id = topicIdNow(this.run, name);
      if (id === undefined || !this.created.has(id)) return `topic ${name} to be made`;
    }
    return undefined;
  }

  finish(_final: FinalState): Promise<void> {
    return Promise.resolve();
  }

  private next(meanMs: number): number {
    return this.run.world.nowMs - Math.log(1 - this.random.next()) * meanMs;
  }

  private async work(connection: KafkaConnection): Promise<void> {
    while (!connection.isClosed) {
      const topics = await this.look(connection);
      for (const id of this.deleting.keys()) await this.delete(connection, id);
      for (const wanted of this.run.topics) {
        const isAway = (this.awayUntilMs.get(wanted.name) ?? 0) > this.run.world.nowMs;
        if (!topics.some(({ name }) => name === wanted.name) && !isAway)
          await this.create(connection, wanted);
      }
      if (!this.isCalm) await this.change(connection, topics);
      await sleep(this.client.process, this.random.delay(...LOOK_MS));
    }
  }

  /** Somebody else's first use may have made a topic, too. */
  private async look(connection: KafkaConnection): Promise<KafkaTopic[]> {
    const topics = await topicsNow(
      connection,
      this.run.topics.map(({ name }) => name),
    );
    for (const { name, id } of topics) this.noteCreated(name, id);
    return topics;
  }

  private noteCreated(topic: string, topicId: string): void {
    if (this.created.has(topicId)) return;
    this.created.set(topicId, topic);
    this.run.note({ kind: "topic created", topic, topicId });
    this.run.world.trace.say(this.name, `${topic} is there as ${topicId}`);
  }

  private async create(connection: KafkaConnection, wanted: WorkloadTopic): Promise<void> {
    const { name, partitions, configs } = wanted;
    const answer = await connection.request(createTopics, CREATE_VERSION, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Array.from(configs, ([config, value]) => ({ name: config, value })),
        },
      ],
      timeoutMs: TIMEOUT_MS,
    });
    const [made] = answer.topics;
    if (made?.errorCode === ErrorCode.NONE) this.noteCreated(name, made.topicId);
    else this.tellRefusal(`${name} was not made`, made?.errorCode);
  }

  private async change(connection: KafkaConnection, topics: readonly KafkaTopic[]): Promise<void> {
    const { nowMs } = this.run.world;
    const { options, random } = this;
    const deletable = topics.filter(({ name }) => options.deletable.has(name));
    if (nowMs >= this.nextDeletionMs && deletable.length > 0) {
      this.nextDeletionMs = this.next(options.deletionMeanMs);
      const { name, id } = random.pick(deletable);
      this.run.note({ kind: "topic deletion asked", topic: name, topicId: id });
      this.run.world.trace.count("topic: deletion asked");
      this.deleting.set(id, name);
      if (random.chance(0.5)) this.awayUntilMs.set(name, nowMs + random.delay(100, 5000));
      await this.delete(connection, id);
    }
    if (nowMs >= this.nextGrowthMs && topics.length > 0) {
      this.nextGrowthMs = this.next(options.growthMeanMs ?? Infinity);
      const topic = random.pick(topics);
      if (topic.partitions.length < PARTITIONS_MAX) await this.grow(connection, topic);
    }
  }

  /** By id: asked again after a lost answer, it does not hit the topic's successor. */
  private async delete(connection: KafkaConnection, topicId: string): Promise<void> {
    const answer = await connection.request(deleteTopics, DELETE_VERSION, {
      topics: [{ name: null, topicId }],
      timeoutMs: TIMEOUT_MS,
    });
    const code = answer.responses[0]?.errorCode;
    if (code !== ErrorCode.NONE && code !== ErrorCode.UNKNOWN_TOPIC_ID)
      return this.tellRefusal(`${topicId} was not deleted`, code);
    const topic = this.deleting.get(topicId) ?? "";
    this.deleting.delete(topicId);
    this.run.note({ kind: "topic deleted", topic, topicId });
    this.run.world.trace.say(this.name, `${topic} is deleted (${topicId})`);
    this.run.world.trace.count("topic: deleted");
  }

  private async grow(connection: KafkaConnection, { name, id, partitions }: KafkaTopic): Promise<void> {
    const count = partitions.length + 1;
    this.run.note({ kind: "partitions asked", topicId: id, count });
    const answer = await connection.request(createPartitions, GROW_VERSION, {
      topics: [{ name, count, assignments: null }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    });
    const code = answer.results[0]?.errorCode;
    if (code !== ErrorCode.NONE) return this.tellRefusal(`${name} got no more partitions`, code);
    this.run.world.trace.say(this.name, `${name} has ${count} partitions`);
    this.run.world.trace.count("topic: partition added");
  }

  private tellRefusal(what: string, code: number | undefined): void {
    this.run.world.trace.say(this.name, `${what}: ${errorName(code ?? ErrorCode.UNKNOWN_SERVER_ERROR)}`);
  }
}
