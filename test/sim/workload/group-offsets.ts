/** What a member of a group asks of its offsets: it commits them, and is told them; the checker hears of both. */
import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import { offsetFetch } from "../../../wire/apis/offset-fetch.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { GroupMember } from "../history.ts";
import type { KafkaRun } from "../workload.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { endNow } from "./log-now.ts";

/** A place in a partition that is, or is to be, committed. */
export interface Position {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
}

const COMMIT_VERSION = 10;
const FETCH_VERSION = 10;

/** What was refused so was not taken, and never will be: it is said before anything is written. */
const REFUSED_FOR_CERTAIN: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.GROUP_ID_NOT_FOUND,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
]);

export class GroupOffsets {
  private readonly run: KafkaRun;
  private readonly name: string;
  private asked = 0;

  /** `name` is that of one life of one member. */
  constructor(run: KafkaRun, name: string) {
    this.run = run;
    this.name = name;
  }

  /** Commits for a member. Answers the error codes in the order of the positions. */
  async commit(
    connection: KafkaConnection,
    member: GroupMember,
    positions: readonly Position[],
  ): Promise<number[]> {
    const asked = positions.map((position) => ({ ...position, commit: this.nextName() }));
    for (const { commit, topicId, partition, offset } of asked)
      this.run.note({ kind: "commit asked", commit, ...member, topicId, partition, offset });
    const answer = await connection.request(offsetCommit, COMMIT_VERSION, {
      groupId: member.groupId,
      generationIdOrMemberEpoch: member.generation,
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      topics: positions.map(({ topicId, partition, offset, leaderEpoch }) => ({
        topicId,
        partitions: [
          {
            partitionIndex: partition,
            committedOffset: offset,
            committedLeaderEpoch: leaderEpoch,
            committedMetadata: "",
          },
        ],
      })),
    });
    return asked.map(({ commit }, at) => {
      const code = answer.topics[at]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      if (code === ErrorCode.NONE) this.run.note({ kind: "commit taken", commit });
      else if (REFUSED_FOR_CERTAIN.has(code)) this.run.note({ kind: "commit refused", commit });
      this.run.world.trace.count(
        code === ErrorCode.NONE ? "group: committed" : `group: commit refused, ${errorName(code)}`,
      );
      return code;
    });
  }

  /** What the group has committed for these; undefined for what it has not; no entry for what cannot be told now. */
  async committed(
    connection: KafkaConnection,
    groupId: string,
    partitions: readonly { readonly topicId: string; readonly partition: number }[],
  ): Promise<Map<string, Position | undefined>> {
    const ask = this.nextName();
    this.run.note({ kind: "committed asked", ask });
    const answer = await connection.request(offsetFetch, FETCH_VERSION, {
      groups: [
        {
          groupId,
          topics: partitions.map(({ topicId, partition }) => ({ topicId, partitionIndexes: [partition] })),
        },
      ],
      requireStable: true,
    });
    const [group] = answer.groups;
    const told = new Map<string, Position | undefined>();
    if (group === undefined || group.errorCode !== ErrorCode.NONE) return told;
    for (const { topicId, partitions: answers } of group.topics) {
      for (const { partitionIndex: partition, committedOffset, committedLeaderEpoch, errorCode } of answers) {
        if (errorCode !== ErrorCode.NONE) continue;
        const offset = committedOffset < 0n ? undefined : committedOffset;
        const end = endNow(this.run, topicId, partition);
        this.run.note({ kind: "committed told", ask, groupId, topicId, partition, offset, end });
        told.set(
          keyOf({ topicId, partition }),
          offset === undefined
            ? undefined
            : { topicId, partition, offset, leaderEpoch: committedLeaderEpoch },
        );
      }
    }
    return told;
  }

  private nextName(): string {
    this.asked += 1;
    return `${this.name}#${this.asked}`;
  }
}

/** Names a partition in a map. */
export function keyOf({
  topicId,
  partition,
}: {
  readonly topicId: string;
  readonly partition: number;
}): string {
  return `${topicId}/${partition}`;
}
