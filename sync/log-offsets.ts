/** What a client asks of a partition's log: where it begins and ends, where a time is in it, and where an epoch ends. */
import { listOffsets } from "../wire/apis/list-offsets.ts";
import { offsetForLeaderEpoch } from "../wire/apis/offset-for-leader-epoch.ts";
import { ErrorCode, errorName, KafkaError } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";

/** Offsets that stand for a place in the log, as Kafka's ListOffsets has them. */
export const LATEST = -1n;
export const EARLIEST = -2n;

/** Partitions of a topic, by number. */
export interface NamedPartitions {
  readonly name: string;
  readonly partitions: readonly number[];
}

/** Where the log of one partition begins (EARLIEST) or where readers' data ends (LATEST). Throws the partition's error. */
export async function logOffset(
  connection: Pick<Connection, "request">,
  topic: string,
  partition: number,
  place: bigint,
): Promise<bigint> {
  const offsets = await topicOffsets(connection, { name: topic, partitions: [partition] }, place);
  return offsets.get(partition) ?? LATEST;
}

/**
 * One place in each of a topic's partitions, by partition: EARLIEST, LATEST, or the first record from a time on, in milliseconds
 * since the epoch; -1 where there is no such record. Throws the first partition's error.
 */
export async function topicOffsets(
  connection: Pick<Connection, "request">,
  topic: NamedPartitions,
  place: bigint,
): Promise<Map<number, bigint>> {
  const answers = await askOffsets(connection, [topic], place);
  const offsets = new Map<number, bigint>();
  for (const partition of topic.partitions) {
    const mine = answers.find((answer) => answer.partition === partition);
    if (mine === undefined)
      throw new KafkaError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        "ListOffsets answered nothing for the partition that was asked",
      );
    const { errorCode, offset } = mine;
    if (errorCode !== ErrorCode.NONE)
      throw new KafkaError(errorCode, `ListOffsets of ${topic.name}-${partition}: ${errorName(errorCode)}`);
    offsets.set(partition, offset);
  }
  return offsets;
}

/** One place in partitions of several topics, by `<topic>/<partition>`; those that answer with an error are left out. */
export async function knownOffsets(
  connection: Pick<Connection, "request">,
  topics: readonly NamedPartitions[],
  place: bigint,
): Promise<Map<string, bigint>> {
  if (topics.length === 0) return new Map();
  const answers = await askOffsets(connection, topics, place);
  const known = answers.filter(({ errorCode }) => errorCode === ErrorCode.NONE);
  return new Map(known.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
}

async function askOffsets(
  connection: Pick<Connection, "request">,
  topics: readonly NamedPartitions[],
  place: bigint,
): Promise<{ topic: string; partition: number; errorCode: number; offset: bigint }[]> {
  const answer = await connection.request(listOffsets, {
    replicaId: -1,
    isolationLevel: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partitionIndex) => ({
        partitionIndex,
        currentLeaderEpoch: -1,
        timestamp: place,
      })),
    })),
  });
  return answer.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, errorCode, offset }) => ({
      topic,
      partition,
      errorCode,
      offset,
    })),
  );
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
