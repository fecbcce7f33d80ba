/** What a client asks of a partition's log: where it begins and ends, and where an epoch ends. */
import { listOffsets } from "../wire/apis/list-offsets.ts";
import { offsetForLeaderEpoch } from "../wire/apis/offset-for-leader-epoch.ts";
import { ErrorCode, errorName, KafkaError } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";

/** Offsets that stand for a place in the log, as Kafka's ListOffsets has them. */
export const LATEST = -1n;
export const EARLIEST = -2n;

/** Where the log of one partition begins (EARLIEST) or where readers' data ends (LATEST). Throws the partition's error. */
export async function logOffset(
  connection: Pick<Connection, "request">,
  topic: string,
  partition: number,
  place: bigint,
): Promise<bigint> {
  const answer = await connection.request(listOffsets, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [
      { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: place }] },
    ],
  });
  const mine = answer.topics[0]?.partitions[0];
  if (mine === undefined)
    throw new KafkaError(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      "ListOffsets answered nothing for the partition that was asked",
    );
  if (mine.errorCode !== ErrorCode.NONE)
    throw new KafkaError(
      mine.errorCode,
      `ListOffsets of ${topic}-${partition}: ${errorName(mine.errorCode)}`,
    );
  return mine.offset;
}

/** Partitions of a topic, by number. */
export interface NamedPartitions {
  readonly name: string;
  readonly partitions: readonly number[];
}

/**
 * One place in each partition that is named (EARLIEST, LATEST, or the first record from a time on, in milliseconds since the
 * epoch), by `<topic>/<partition>`. Partitions that answer with an error, or have no such place, are left out.
 */
export async function logOffsets(
  connection: Pick<Connection, "request">,
  topics: readonly NamedPartitions[],
  place: bigint,
): Promise<Map<string, bigint>> {
  const offsets = new Map<string, bigint>();
  if (topics.length === 0) return offsets;
  const answer = await connection.request(listOffsets, {
    replicaId: -1,
    isolationLevel: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp: place })),
    })),
  });
  for (const topic of answer.topics) {
    for (const { partitionIndex, errorCode, offset } of topic.partitions) {
      if (errorCode === ErrorCode.NONE && offset >= 0n)
        offsets.set(`${topic.name}/${partitionIndex}`, offset);
    }
  }
  return offsets;
}

/** Where an epoch ends, or the largest one below it that the leader knows; -1 and -1 when it knows none (KIP-101). */
export async function epochEnd(
  connection: Pick<Connection, "request">,
  topic: string,
  partition: number,
  epoch: number,
): Promise<{ epoch: number; endOffset: bigint }> {
  const answer = await connection.request(offsetForLeaderEpoch, {
    topics: [{ topic, partitions: [{ partition, currentLeaderEpoch: -1, leaderEpoch: epoch }] }],
  });
  const mine = answer.topics[0]?.partitions[0];
  const code = mine?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (mine === undefined || code !== ErrorCode.NONE) {
    throw new KafkaError(code, `OffsetForLeaderEpoch of ${topic}-${partition}: ${errorName(code)}`);
  }
  return { epoch: mine.leaderEpoch, endOffset: mine.endOffset };
}
