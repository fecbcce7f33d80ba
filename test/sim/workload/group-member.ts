/**
 * One life of a consumer in a group of the classic protocol, after the Java client: one connection for the coordinator and
 * one to fetch with; it gives up what it reads whenever the group rebalances. As the leader it divides the partitions.
 */
import { heartbeat } from "../../../wire/apis/heartbeat.ts";
import { joinGroup } from "../../../wire/apis/join-group.ts";
import { leaveGroup } from "../../../wire/apis/leave-group.ts";
import { syncGroup } from "../../../wire/apis/sync-group.ts";
import type { ResponseOf } from "../../../wire/api.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { GroupMember, TopicPartition } from "../history.ts";
import type { Position } from "./group-offsets.ts";
import { COMMIT_MS, GroupLife } from "./group-life.ts";
import { AGAIN, REST_MS } from "./group-reading.ts";
import { assignmentOf, inTurn, partitionsOf, subscriptionTo } from "./group-wire.ts";
import { topicsNow, type KafkaTopic } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { sleep } from "./waiting.ts";

type Joined = ResponseOf<typeof joinGroup>;

const JOIN_VERSION = 9;
const SYNC_VERSION = 5;
const HEARTBEAT_VERSION = 4;
const LEAVE_VERSION = 5;
const PROTOCOL_TYPE = "consumer";
const PROTOCOL = "roundrobin";
/** At so many rebalances it commits once more as who it was before. */
const LATE_COMMIT_RATE = 0.3;
/** After which the coordinator may read its log anew. */
const DISK_FAILURES = ["disk: sync failed", "disk: write failed", "disk: no space", "disk: no descriptor"];

export class MemberLife extends GroupLife {
  member: GroupMember | undefined;
  assigned: readonly TopicPartition[] = [];
  private memberId = "";
  /** What its assignment was made of; undefined: another leads. */
  private dividedOf: string | undefined;
  /** Who it was before, and what it had read by then. */
  private before: { readonly member: GroupMember; readonly positions: readonly Position[] } | undefined;
  /** Who last said that it is in the group, and when that was asked; undefined: nobody in this generation. */
  private heard: { readonly by: unknown; readonly sentMs: number; readonly diskFailures: number } | undefined;

  protected async coordinate(connection: KafkaConnection): Promise<void> {
    const { process } = this.client;
    let beatAtMs = 0;
    // Whoever it was that broke the connection, the group is to stand where it stood.
    let wantsToKnow = this.random.chance(0.5);
    while (!connection.isClosed && !this.hasEnded) {
      if (this.member === undefined) {
        if (!(await this.join(connection))) await sleep(process, this.random.delay(...REST_MS));
        continue;
      }
      if (this.isLeaving) return this.sayGoodbye(connection, this.member);
      if (wantsToKnow && this.readings.length > 0) {
        await this.reading.ask(connection);
        wantsToKnow = false;
      }
      // One that was frozen may commit before it hears what it has missed.
      if (this.wantsToCommit()) await this.commit(connection, this.member);
      if (this.member !== undefined && this.run.world.nowMs >= beatAtMs) {
        await this.beat(connection, this.member);
        beatAtMs = this.run.world.nowMs + this.options.sessionTimeoutMs * this.random.pick([0.15, 0.33]);
      }
      if (this.member !== undefined && this.reading.lookIsDue()) await this.look(connection);
      if (this.isCalm && this.openCommit !== undefined) await this.reading.ask(connection);
      if (this.member === undefined) continue;
      const beatInMs = Math.max(0, beatAtMs - this.run.world.nowMs);
      await sleep(process, this.isCalm ? beatInMs : Math.min(beatInMs, this.random.between(...COMMIT_MS)));
    }
  }

  /** Answers false when it should rest before it tries again. */
  private async join(connection: KafkaConnection): Promise<boolean> {
    const { groupId, topics, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.options;
    const answer = await connection.request(
      joinGroup,
      JOIN_VERSION,
      {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.memberId,
        groupInstanceId: instanceId,
        protocolType: PROTOCOL_TYPE,
        protocols: [{ name: PROTOCOL, metadata: subscriptionTo(topics) }],
      },
      // The others may take as long as they say; two rounds, where one had begun before.
      2 * rebalanceTimeoutMs,
    );
    const { errorCode } = answer;
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId;
      return true;
    }
    if (errorCode !== ErrorCode.NONE) return this.refused("JoinGroup", errorCode);
    this.memberId = answer.memberId;
    return this.sync(connection, answer);
  }

  private async sync(connection: KafkaConnection, joined: Joined): Promise<boolean> {
    const { groupId, instanceId, topics } = this.options;
    const { memberId, generationId: generation, protocolName } = joined;
    const isLeader = joined.leader === memberId;
    const found = isLeader && !joined.skipAssignment ? await topicsNow(connection, topics) : [];
    const askedMs = this.run.world.nowMs;
    this.heard = undefined;
    const { errorCode, assignment } = await connection.request(syncGroup, SYNC_VERSION, {
      groupId,
      generationId: generation,
      memberId,
      groupInstanceId: instanceId,
      protocolType: PROTOCOL_TYPE,
      protocolName,
      assignments: isLeader && !joined.skipAssignment ? divide(found, joined) : [],
    });
    if (errorCode !== ErrorCode.NONE) return this.refused("SyncGroup", errorCode);
    const { trace } = this.run.world;
    this.assigned = partitionsOf(assignment);
    this.member = { groupId, generation, memberId, instanceId };
    // Who may not divide does not know what of: it does so when it next looks.
    this.dividedOf = isLeader ? describe(found) : undefined;
    this.run.note({ kind: "assigned", ...this.member, partitions: this.assigned, askedMs });
    const names = this.assigned.map(({ topic, partition }) => `${topic}-${partition}`);
    trace.say(
      this.name,
      `${memberId}, generation ${generation}${isLeader ? ", leads" : ""}: ${names.join(" ")}`,
    );
    trace.count(isLeader ? "group: led" : "group: followed");
    if (joined.skipAssignment) trace.count("group: a static leader came back");
    this.heard = { by: this.run.gateway.process, sentMs: askedMs, diskFailures: this.diskFailures() };
    this.reading.forgetTold();
    if (this.before !== undefined && this.random.chance(LATE_COMMIT_RATE)) {
      trace.count("group: late commit");
      await this.reading.offsets.commit(connection, this.before.member, this.before.positions);
    }
    return true;
  }

  private async beat(
    connection: KafkaConnection,
    { groupId, generation, memberId, instanceId }: GroupMember,
  ): Promise<void> {
    const sentMs = this.run.world.nowMs;
    const { errorCode } = await connection.request(heartbeat, HEARTBEAT_VERSION, {
      groupId,
      generationId: generation,
      memberId,
      groupInstanceId: instanceId,
    });
    if (errorCode === ErrorCode.NONE) {
      if (this.heard !== undefined) this.heard = { ...this.heard, sentMs };
      return;
    }
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS && this.member !== undefined && this.random.chance(0.7))
      await this.commit(connection, this.member);
    this.refused("Heartbeat", errorCode);
  }

  private async commit(connection: KafkaConnection, member: GroupMember): Promise<void> {
    const code = await this.reading.commit(connection, member, this.isCalm);
    if (code !== undefined) this.refused("OffsetCommit", code);
  }

  private async look(connection: KafkaConnection): Promise<void> {
    const { member, assigned } = this;
    const topics = await topicsNow(connection, this.options.topics);
    if (this.dividedOf !== undefined && this.dividedOf !== describe(topics))
      return this.giveUp("topics have changed");
    const named = assigned.map(({ topic, partition }) => ({
      partition,
      isOf: ({ name }: KafkaTopic) => name === topic,
    }));
    await this.reading.follow(connection, topics, named, () => this.member === member);
  }

  /** Answers false when it should rest. */
  private refused(what: string, code: number): boolean {
    const { trace } = this.run.world;
    trace.say(this.name, `${what}: ${errorName(code)}`);
    trace.count(`group: ${what} refused, ${errorName(code)}`);
    switch (code) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
        this.checkThrownOut(what);
        this.memberId = "";
        this.giveUp();
        return true;
      case ErrorCode.ILLEGAL_GENERATION:
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.giveUp();
        return true;
      case ErrorCode.FENCED_INSTANCE_ID:
        this.giveUp();
        this.hasEnded = true;
        return false;
      default:
        if (!AGAIN.has(code)) trace.violation(`${this.name}: ${what} answered ${errorName(code)}`);
        return false;
    }
  }

  /**
   * A member is given up when it is silent for its session, or for the time of a rebalance. Who was assigned its partitions
   * by another life of the gateway, or before its disk failed, may have been given up before that: while the gateway reads
   * its log, it believes whoever says to be a member.
   */
  private checkThrownOut(what: string): void {
    const { heard, options, run } = this;
    if (heard === undefined || heard.by !== run.gateway.process || heard.diskFailures !== this.diskFailures())
      return;
    const silentMs = run.world.nowMs - heard.sentMs;
    if (silentMs >= Math.min(options.sessionTimeoutMs, options.rebalanceTimeoutMs)) return;
    run.world.trace.violation(
      `${this.name}: ${this.memberId} was thrown out, though it had been heard of ${silentMs.toFixed(0)} ms before (${what})`,
    );
  }

  private diskFailures(): number {
    const { counts } = this.run.world.trace;
    return DISK_FAILURES.reduce((sum, what) => sum + (counts.get(what) ?? 0), 0);
  }

  /** Reads no more, and joins anew. */
  private giveUp(why?: string): void {
    if (why !== undefined) this.run.world.trace.say(this.name, `joins again: ${why}`);
    if (this.member !== undefined) this.before = { member: this.member, positions: this.reading.positions };
    this.member = undefined;
    this.assigned = [];
    this.reading.keep(() => false);
  }

  private async sayGoodbye(
    connection: KafkaConnection,
    { groupId, memberId, instanceId }: GroupMember,
  ): Promise<void> {
    if (this.random.chance(0.5) && this.member !== undefined) await this.commit(connection, this.member);
    this.giveUp();
    this.run.world.trace.count("group: left");
    // Its word may arrive although the answer does not.
    this.heard = undefined;
    await connection.request(leaveGroup, LEAVE_VERSION, {
      groupId,
      members: [{ memberId, groupInstanceId: instanceId }],
    });
    this.hasEnded = true;
  }
}

function divide(topics: readonly KafkaTopic[], { members }: Joined) {
  const partitions = topics.flatMap(({ name, partitions: all }) =>
    all.map(({ partition }) => ({ topic: name, partition })),
  );
  const shares = inTurn(partitions, members.map(({ memberId }) => memberId).toSorted());
  return Array.from(shares, ([memberId, share]) => ({ memberId, assignment: assignmentOf(share) }));
}

/** Changes when there is something else to divide. */
function describe(topics: readonly KafkaTopic[]): string {
  return topics
    .map(({ name, id, partitions }) => `${name}/${id}/${partitions.length}`)
    .toSorted()
    .join(" ");
}
