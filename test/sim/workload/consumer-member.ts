/**
 * One life of a consumer in a group of the new protocol (KIP-848), after the Java client: it says in heartbeats what it has,
 * and is told what it is to have. What it is to give up it commits and gives up first; the rest it reads on.
 */
import { consumerGroupHeartbeat } from "../../../wire/apis/consumer-group-heartbeat.ts";
import type { ResponseOf } from "../../../wire/api.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { GroupMember, PartitionName, TopicPartition } from "../history.ts";
import { COMMIT_MS, GroupLife } from "./group-life.ts";
import { keyOf } from "./group-offsets.ts";
import { AGAIN, REST_MS } from "./group-reading.ts";
import { topicsNow, type KafkaTopic } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { sleep } from "./waiting.ts";

type Answer = ResponseOf<typeof consumerGroupHeartbeat>;

const VERSION = 1;
const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
/** A static member leaves, and will be back. */
const AWAY_EPOCH = -2;

export class ConsumerMemberLife extends GroupLife {
  private epoch = JOIN_EPOCH;
  /** What it has. */
  private owned: readonly PartitionName[] = [];
  /** What it has is not what it has last said. */
  private hasNews = true;
  /** Names of topics by their ids, as far as it has heard of them. */
  private readonly names = new Map<string, string>();
  /** It may have missed an answer: it says everything of itself. */
  private saysAll = true;

  get member(): GroupMember | undefined {
    if (this.epoch <= JOIN_EPOCH) return undefined;
    const { groupId, instanceId } = this.options;
    return { groupId, generation: this.epoch, memberId: this.name, instanceId };
  }

  get assigned(): readonly TopicPartition[] {
    return this.owned.flatMap(({ topicId, partition }) => {
      const topic = this.names.get(topicId);
      return topic === undefined ? [] : [{ topic, partition }];
    });
  }

  override kill(): void {
    super.kill();
    this.noteOwned([], 0);
  }

  protected async coordinate(connection: KafkaConnection): Promise<void> {
    const { process } = this.client;
    let beatAtMs = 0;
    this.saysAll = true;
    while (!connection.isClosed && !this.hasEnded) {
      const { member } = this;
      if (this.isLeaving && member !== undefined) return this.sayGoodbye(connection, member);
      // One that was frozen may commit before it hears what it has missed.
      if (member !== undefined && this.wantsToCommit()) await this.commit(connection, member);
      if (this.run.world.nowMs >= beatAtMs || this.hasNews) {
        const isWell = await this.beat(connection);
        beatAtMs = this.run.world.nowMs + this.options.sessionTimeoutMs * this.random.pick([0.1, 0.25]);
        if (!isWell) {
          await sleep(process, this.random.delay(...REST_MS));
          beatAtMs = 0;
          continue;
        }
      }
      if (this.member !== undefined && this.reading.lookIsDue()) await this.look(connection);
      if (this.isCalm && this.openCommit !== undefined) await this.reading.ask(connection);
      if (this.hasNews) continue;
      const beatInMs = Math.max(0, beatAtMs - this.run.world.nowMs);
      await sleep(process, this.isCalm ? beatInMs : Math.min(beatInMs, this.random.between(...COMMIT_MS)));
    }
  }

  private async commit(connection: KafkaConnection, member: GroupMember): Promise<void> {
    const code = await this.reading.commit(connection, member, this.isCalm);
    // It is told its epoch with the next heartbeat.
    if (code !== undefined && code !== ErrorCode.STALE_MEMBER_EPOCH) this.refused("OffsetCommit", code);
  }

  /** Answers false when it should rest before it tries again. */
  private async beat(connection: KafkaConnection): Promise<boolean> {
    const { groupId, instanceId, topics, rebalanceTimeoutMs } = this.options;
    const { epoch, owned } = this;
    const all = this.saysAll || epoch === JOIN_EPOCH;
    const says = all || this.hasNews;
    this.hasNews = false;
    const sentMs = this.run.world.nowMs;
    const answer = await connection.request(consumerGroupHeartbeat, VERSION, {
      groupId,
      memberId: this.name,
      memberEpoch: epoch,
      instanceId,
      rebalanceTimeoutMs: all ? rebalanceTimeoutMs : -1,
      subscribedTopicNames: all ? [...topics] : null,
      topicPartitions: says ? byTopic(owned) : null,
    });
    if (answer.errorCode !== ErrorCode.NONE) {
      this.saysAll = true;
      return this.refused("ConsumerGroupHeartbeat", answer.errorCode);
    }
    this.saysAll = false;
    this.epoch = answer.memberEpoch;
    this.noteOwned(this.owned, sentMs);
    await this.reconcile(connection, answer, sentMs);
    return true;
  }

  /** Gives up what it is no longer to have, and takes what is new. */
  private async reconcile(
    connection: KafkaConnection,
    { assignment }: Answer,
    sentMs: number,
  ): Promise<void> {
    if (assignment === null) return;
    const { trace } = this.run.world;
    const wanted = assignment.topicPartitions.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => ({ topicId, partition })),
    );
    const keys = new Set(wanted.map(keyOf));
    const before = new Set(this.owned.map(keyOf));
    const kept = this.owned.filter((each) => keys.has(keyOf(each)));
    const isChanged = kept.length < before.size || wanted.some((each) => !before.has(keyOf(each)));
    if (!isChanged) return;
    const { member } = this;
    if (kept.length < before.size) {
      trace.count("group: partitions given up");
      if (member !== undefined && this.random.chance(0.7)) await this.commit(connection, member);
      // What was answered meanwhile may have ended it.
      if (this.member === undefined) return;
      this.reading.keep((reading) => keys.has(keyOf(reading)));
    }
    this.owned = wanted;
    this.hasNews = true;
    this.reading.forgetTold();
    trace.count("group: assigned by the node");
    trace.say(this.name, `epoch ${this.epoch}: ${wanted.map(keyOf).join(" ")}`);
    this.noteOwned(wanted, sentMs);
  }

  private async look(connection: KafkaConnection): Promise<void> {
    const topics = await topicsNow(connection, this.options.topics);
    for (const { id, name } of topics) this.names.set(id, name);
    const { owned } = this;
    const wanted = owned.map(({ topicId, partition }) => ({
      partition,
      isOf: ({ id }: KafkaTopic) => id === topicId,
    }));
    await this.reading.follow(connection, topics, wanted, () => this.owned === owned);
  }

  /** Answers false when it should rest. */
  private refused(what: string, code: number): boolean {
    const { trace } = this.run.world;
    trace.say(this.name, `${what}: ${errorName(code)}`);
    trace.count(`group: ${what} refused, ${errorName(code)}`);
    switch (code) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
      case ErrorCode.FENCED_MEMBER_EPOCH:
        this.giveUp();
        return true;
      case ErrorCode.FENCED_INSTANCE_ID:
        this.giveUp();
        this.hasEnded = true;
        return false;
      // Whoever had its name is not given up yet.
      case ErrorCode.UNRELEASED_INSTANCE_ID:
        return false;
      default:
        if (!AGAIN.has(code)) trace.violation(`${this.name}: ${what} answered ${errorName(code)}`);
        return false;
    }
  }

  /** Has nothing any more, and joins anew. */
  private giveUp(): void {
    this.epoch = JOIN_EPOCH;
    this.owned = [];
    this.reading.keep(() => false);
    this.noteOwned([], 0);
  }

  private async sayGoodbye(connection: KafkaConnection, member: GroupMember): Promise<void> {
    if (this.random.chance(0.5)) await this.commit(connection, member);
    const { groupId, instanceId } = this.options;
    this.giveUp();
    this.run.world.trace.count("group: left");
    await connection.request(consumerGroupHeartbeat, VERSION, {
      groupId,
      memberId: this.name,
      memberEpoch: instanceId === null ? LEAVE_EPOCH : AWAY_EPOCH,
      instanceId,
    });
    this.hasEnded = true;
  }

  /** Nobody else may have these until it has given them up, or was not heard of for its session or the time of a rebalance. */
  private noteOwned(partitions: readonly PartitionName[], heardMs: number): void {
    const { groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.options;
    const untilMs = heardMs + Math.min(sessionTimeoutMs, rebalanceTimeoutMs);
    this.run.note({
      kind: "owned",
      groupId,
      memberId: this.name,
      instanceId,
      partitions: [...partitions],
      untilMs,
    });
  }
}

function byTopic(partitions: readonly PartitionName[]) {
  const ids = [...new Set(partitions.map(({ topicId }) => topicId))];
  return ids.map((topicId) => ({
    topicId,
    partitions: partitions.filter((each) => each.topicId === topicId).map(({ partition }) => partition),
  }));
}
