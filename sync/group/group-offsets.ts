/** Where a consumer group is in its partitions, as the group's coordinator keeps it. */
import { offsetCommit } from "../../wire/apis/offset-commit.ts";
import { offsetFetch } from "../../wire/apis/offset-fetch.ts";
import { ErrorCode, errorName, KafkaError } from "../../wire/errors.ts";
import type { Connection } from "../connection.ts";
import { EARLIEST, LATEST, topicOffsets } from "../log-offsets.ts";
import { partitionKey } from "./group-member.ts";

export interface GroupTopicPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

export interface OffsetToCommit extends GroupTopicPartition {
  /** The next record to read. */
  readonly offset: bigint;
}

/** What the group has committed, by `partitionKey`; partitions without an offset are left out. Throws KafkaError. */
async function committedOffsets(
  connection: Pick<Connection, "request">,
  groupId: string,
  partitions: readonly GroupTopicPartition[],
): Promise<Map<string, bigint>> {
  const topics = byTopic(partitions).map(({ topic: name, topicId, partitions: mine }) => ({
    name,
    topicId,
    partitionIndexes: mine.map(({ partition }) => partition),
  }));
  const answer = await connection.request(offsetFetch, {
    groupId,
    topics,
    groups: [{ groupId, topics }],
    requireStable: true,
  });
  const group = answer.groups.find((each) => each.groupId === groupId);
  const code = group?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (group === undefined || code !== ErrorCode.NONE)
    throw new KafkaError(code, `OffsetFetch of group ${groupId}: ${errorName(code)}`);
  const offsets = new Map<string, bigint>();
  for (const wanted of partitions) {
    const told = group.topics.find(
      ({ name, topicId }) => topicId === wanted.topicId || name === wanted.topic,
    );
    const mine = told?.partitions.find(({ partitionIndex }) => partitionIndex === wanted.partition);
    const errorCode = mine?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (mine === undefined || errorCode !== ErrorCode.NONE)
      throw new KafkaError(
        errorCode,
        `OffsetFetch of group ${groupId}, ${wanted.topic}-${wanted.partition}: ${errorName(errorCode)}`,
      );
    if (mine.committedOffset >= 0n) offsets.set(partitionKey(wanted), mine.committedOffset);
  }
  return offsets;
}

export interface GroupStart {
  /** The first offset wanted, or EARLIEST. */
  readonly from: bigint;
  /** What the group has committed, where that is where it begins. */
  readonly known: bigint | undefined;
}

/**
 * Where a member begins in partitions that it was given, by `partitionKey`: where the group is, else at the beginning, or at
 * the end as it is now. Throws KafkaError.
 */
export async function groupStarts(
  connection: Pick<Connection, "request">,
  groupId: string,
  partitions: readonly GroupTopicPartition[],
  isFromEnd: boolean,
): Promise<Map<string, GroupStart>> {
  const committed = await committedOffsets(connection, groupId, partitions);
  const starts = new Map<string, GroupStart>();
  for (const { topic, partitions: mine } of byTopic(partitions)) {
    const numbers = mine.map(({ partition }) => partition);
    const ends = await topicOffsets(connection, { name: topic, partitions: numbers }, LATEST);
    for (const where of mine) {
      const end = ends.get(where.partition) ?? 0n;
      const known = committed.get(partitionKey(where));
      // What lies behind the end was committed in a log that is not there any more.
      const isThere = known !== undefined && known <= end;
      const from = isFromEnd ? end : EARLIEST;
      starts.set(partitionKey(where), isThere ? { from: known, known } : { from, known: undefined });
    }
  }
  return starts;
}

export interface CommittingMember {
  readonly groupId: string;
  readonly memberId: string;
  readonly epoch: number;
  readonly instanceId: string | undefined;
}

/** Commits; answers the code of each, in the order given. */
export async function commitOffsets(
  connection: Pick<Connection, "request">,
  { groupId, memberId, epoch, instanceId }: CommittingMember,
  offsets: readonly OffsetToCommit[],
): Promise<number[]> {
  const answer = await connection.request(offsetCommit, {
    groupId,
    memberId,
    generationIdOrMemberEpoch: epoch,
    groupInstanceId: instanceId ?? null,
    topics: byTopic(offsets).map(({ topic: name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: "",
      })),
    })),
  });
  return offsets.map((wanted) => {
    const told = answer.topics.find(
      ({ name, topicId }) => topicId === wanted.topicId || name === wanted.topic,
    );
    const mine = told?.partitions.find(({ partitionIndex }) => partitionIndex === wanted.partition);
    return mine?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  });
}

function byTopic<P extends GroupTopicPartition>(
  partitions: readonly P[],
): { topic: string; topicId: string; partitions: P[] }[] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: P[] }>();
  for (const each of partitions) {
    const { topic, topicId } = each;
    const mine = topics.get(topicId) ?? { topic, topicId, partitions: [] };
    mine.partitions.push(each);
    topics.set(topicId, mine);
  }
  return [...topics.values()];
}
