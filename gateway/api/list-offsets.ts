import type { PartitionLog } from "../../log/partition-log.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { RequestContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { checkLeaderEpoch, partitionOf, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** An offset with the timestamp and the leader epoch of its record; -1 where there is none. */
interface FoundOffset {
  offset: bigint;
  timestamp: bigint;
  leaderEpoch: number;
}

type Find = (log: PartitionLog) => FoundOffset | Promise<FoundOffset>;

const NOTHING: FoundOffset = { offset: -1n, timestamp: -1n, leaderEpoch: -1 };

interface Special {
  /** The first version of ListOffsets in which the timestamp stands for this. */
  from: number;
  find: Find;
}

/** What the timestamps that stand for something else ask for. There is no remote storage. */
const SPECIAL: ReadonlyMap<bigint, Special> = new Map<bigint, Special>([
  [-1n, { from: 1, find: latest }],
  [-2n, { from: 1, find: earliest }],
  [-3n, { from: 7, find: async (log) => (await log.maxTimestamp()) ?? NOTHING }], // the largest timestamp's (KIP-734)
  [-4n, { from: 8, find: earliest }], // earliest on this node's own storage (KIP-405): there is no other
  [-5n, { from: 9, find: () => NOTHING }], // latest on remote storage (KIP-1005)
  [-6n, { from: 11, find: () => NOTHING }], // earliest that remote storage has still to get (KIP-1023)
]);

/** ListOffsets: the ends of a partition, or its first record at or after a timestamp. What is asked for twice is refused. */
export const listOffsetsApi: ServedApi = serveApi(listOffsets, async ({ topics }, context) => {
  const asked = new Map<string, Map<number, AskedPartition | "repeated">>();
  for (const { name, partitions } of topics) {
    const known = asked.get(name) ?? new Map<number, AskedPartition | "repeated">();
    asked.set(name, known);
    for (const partition of partitions)
      known.set(partition.partitionIndex, known.has(partition.partitionIndex) ? "repeated" : partition);
  }
  const answers = [];
  for (const [name, partitions] of asked) {
    const found = [];
    for (const [partitionIndex, partition] of partitions) {
      found.push(
        partition === "repeated"
          ? { partitionIndex, errorCode: ErrorCode.INVALID_REQUEST, ...NOTHING }
          : await list(name, partition, context),
      );
    }
    answers.push({ name, partitions: found });
  }
  return { topics: answers };
});

interface AskedPartition {
  partitionIndex: number;
  currentLeaderEpoch: number;
  timestamp: bigint;
}

async function list(
  name: string,
  { partitionIndex, currentLeaderEpoch, timestamp }: AskedPartition,
  { services, apiVersion }: RequestContext,
) {
  try {
    const log = partitionOf(topicByName(services.cluster, name), partitionIndex);
    checkLeaderEpoch(log, currentLeaderEpoch);
    const find = timestamp < 0n ? specialOf(timestamp, apiVersion) : atOrAfter(timestamp);
    return { partitionIndex, errorCode: ErrorCode.NONE as number, ...(await find(log)) };
  } catch (error) {
    return { partitionIndex, errorCode: failureOf(error, services).errorCode, ...NOTHING };
  }
}

/** Throws KafkaError UNSUPPORTED_VERSION, as Kafka does, where a version does not know the timestamp. */
function specialOf(timestamp: bigint, apiVersion: number): Find {
  const special = SPECIAL.get(timestamp);
  if (special !== undefined && apiVersion >= special.from) return special.find;
  throw new KafkaError(
    ErrorCode.UNSUPPORTED_VERSION,
    `timestamp ${timestamp} stands for nothing that ListOffsets version ${apiVersion} knows`,
  );
}

function atOrAfter(timestamp: bigint): Find {
  return async (log) => (await log.offsetForTimestamp(timestamp)) ?? NOTHING;
}

function latest({ highWatermark, leaderEpoch }: PartitionLog): FoundOffset {
  return { offset: highWatermark, timestamp: -1n, leaderEpoch };
}

/** The epoch is the one that stood when the record at the start was written; the current one in an empty log. */
function earliest(log: PartitionLog): FoundOffset {
  const epoch = log.leaderEpochAt(log.logStartOffset);
  return { offset: log.logStartOffset, timestamp: -1n, leaderEpoch: epoch === -1 ? log.leaderEpoch : epoch };
}
