/**
 * What a member of a group reads, whichever protocol it speaks: it begins where the group has got to, and commits how far it
 * has come.
 */
import { ErrorCode } from "../../../wire/errors.ts";
import type { GroupMember } from "../history.ts";
import type { Random } from "../kernel/random.ts";
import type { KafkaRun } from "../workload.ts";
import { GroupOffsets, keyOf, type Position } from "./group-offsets.ts";
import { EARLIEST, offsetAt, type KafkaClient, type KafkaTopic } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { KafkaFetcher, type Reading } from "./kafka-fetcher.ts";
import { sleep } from "./waiting.ts";

export interface GroupReadingOptions {
  readonly run: KafkaRun;
  /** Of one life of one member. */
  readonly name: string;
  readonly random: Random;
  readonly client: KafkaClient;
  readonly groupId: string;
}

/** A partition that a member was assigned, by its topic's name or by its id. */
export interface AssignedPartition {
  readonly partition: number;
  readonly isOf: (topic: KafkaTopic) => boolean;
}

export const REST_MS = [20, 500] as const;
const LOOK_MS = 3000;

/** What is to be asked again after a while: the coordinator is not there now, or reads its log. */
export const AGAIN: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
]);

export class GroupReading {
  /** It knows that something is not as it was. */
  wantsLook = true;
  readonly offsets: GroupOffsets;
  private readonly run: KafkaRun;
  private readonly random: Random;
  private readonly client: KafkaClient;
  private readonly groupId: string;
  private readonly fetcher: KafkaFetcher;
  private readonly committed = new Map<string, bigint>();
  private readonly told = new Map<string, bigint | undefined>();
  private lookAtMs = 0;

  constructor({ run, name, random, client, groupId }: GroupReadingOptions) {
    this.run = run;
    this.random = random;
    this.client = client;
    this.groupId = groupId;
    this.fetcher = new KafkaFetcher({ run, name, random, groupId });
    this.offsets = new GroupOffsets(run, name);
  }

  get readings(): readonly Reading[] {
    return this.fetcher.readings;
  }

  /** What is not committed, or what it has not been told to be: in words. */
  get open(): string | undefined {
    for (const { topic, topicId, partition, next } of this.readings) {
      const told = this.told.get(keyOf({ topicId, partition }));
      if (told !== next)
        return `${topic}-${partition} to be committed at ${next}, it is at ${told ?? "nothing"}`;
    }
    return undefined;
  }

  get positions(): Position[] {
    return this.readings.map(({ topicId, partition, next, lastEpoch }) => ({
      topicId,
      partition,
      offset: next,
      leaderEpoch: lastEpoch,
    }));
  }

  /** Fetches what there is to read, on a connection of its own. */
  async fetch(connection: KafkaConnection, isOver: () => boolean): Promise<void> {
    while (!connection.isClosed && !isOver()) {
      if (this.readings.length > 0) {
        if (await this.fetcher.fetchOnce(connection)) continue;
        this.wantsLook = true;
      }
      await sleep(this.client.process, this.random.delay(...REST_MS));
    }
  }

  /** Reads no more of what `isKept` does not name. */
  keep(isKept: (reading: Reading) => boolean): void {
    this.fetcher.readings = this.fetcher.readings.filter(isKept);
  }

  /** What it was told before it was assigned this does not count. */
  forgetTold(): void {
    this.told.clear();
    this.wantsLook = true;
  }

  /** `all`: also what it has committed already. Answers the first error that says something of the member; undefined: none. */
  async commit(connection: KafkaConnection, member: GroupMember, all: boolean): Promise<number | undefined> {
    const positions = this.positions.filter(
      (position) => all || this.committed.get(keyOf(position)) !== position.offset || this.random.chance(0.1),
    );
    if (positions.length === 0) return undefined;
    const codes = await this.offsets.commit(connection, member, positions);
    for (const [at, position] of positions.entries()) {
      const code = codes[at] ?? ErrorCode.NONE;
      if (code === ErrorCode.NONE) this.committed.set(keyOf(position), position.offset);
      else if (AGAIN.has(code)) this.wantsLook = true;
      else if (code !== ErrorCode.REBALANCE_IN_PROGRESS) return code;
    }
    return undefined;
  }

  /** What the group has committed for these; nothing is known of what has no entry. */
  async ask(
    connection: KafkaConnection,
    partitions: readonly { readonly topicId: string; readonly partition: number }[] = this.readings,
  ): Promise<Map<string, Position | undefined>> {
    const told = await this.offsets.committed(connection, this.groupId, partitions);
    for (const [key, position] of told) this.told.set(key, position?.offset);
    return told;
  }

  /** Whether it is time to look at the topics. From now on it is not, for a while. */
  lookIsDue(): boolean {
    const { nowMs } = this.run.world;
    if (!this.wantsLook && nowMs < this.lookAtMs) return false;
    this.wantsLook = false;
    this.lookAtMs = nowMs + LOOK_MS;
    return true;
  }

  /**
   * With topics and partitions as they are now: what it was assigned and does not read yet is begun where the group has got
   * to, as long as `isCurrent`.
   */
  async follow(
    connection: KafkaConnection,
    topics: readonly KafkaTopic[],
    assigned: readonly AssignedPartition[],
    isCurrent: () => boolean,
  ): Promise<void> {
    const known = new Map(topics.map((topic) => [topic.id, topic]));
    // A topic that is not there may be on its way: what is read of it goes on, or is over when there is another one.
    this.keep(({ topic, topicId }) => known.has(topicId) || !topics.some(({ name }) => name === topic));
    for (const reading of this.readings) {
      const { partitions = [] } = known.get(reading.topicId) ?? {};
      const now = partitions.find(({ partition }) => partition === reading.partition);
      if (now !== undefined) reading.leaderEpoch = now.leaderEpoch;
    }
    const wanted = assigned.flatMap(({ partition, isOf }) => {
      const topic = topics.find(isOf);
      const found = topic?.partitions.find((each) => each.partition === partition);
      if (topic === undefined || found === undefined) return [];
      const isRead = this.readings.some((each) => each.topicId === topic.id && each.partition === partition);
      return isRead
        ? []
        : [{ topic: topic.name, topicId: topic.id, partition, leaderEpoch: found.leaderEpoch }];
    });
    if (wanted.length > 0) await this.begin(connection, wanted, isCurrent);
  }

  private async begin(
    connection: KafkaConnection,
    wanted: readonly Pick<Reading, "topic" | "topicId" | "partition" | "leaderEpoch">[],
    isCurrent: () => boolean,
  ): Promise<void> {
    const told = await this.ask(connection, wanted);
    for (const each of wanted) {
      const key = keyOf(each);
      if (!told.has(key)) {
        this.wantsLook = true;
        continue;
      }
      const position = told.get(key);
      const from =
        position?.offset ??
        (await offsetAt(connection, { name: each.topic, id: each.topicId }, each.partition, EARLIEST));
      if (from === undefined || !isCurrent()) {
        this.wantsLook = true;
        continue;
      }
      const reading = { ...each, reader: "", next: from, lastEpoch: -1 };
      this.fetcher.readings.push(reading);
      this.fetcher.beginAt(reading, from);
      reading.lastEpoch = position?.leaderEpoch ?? -1;
    }
  }
}
