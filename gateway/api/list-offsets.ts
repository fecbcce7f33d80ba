import type { PartitionLog } from "../../log/partition-log.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { Services } from "./context.ts";
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

/** What the timestamps that stand for something else ask for. */
const SPECIAL: ReadonlyMap<bigint, Find> = new Map<bigint, Find>([
  [-1n, ({ highWatermark, leaderEpoch }) => ({ offset: highWatermark, timestamp: -1n, leaderEpoch })], // latest
  [-2n, earliest],
  [-3n, async (log) => (await log.maxTimestamp()) ?? NOTHING], // the record with the largest timestamp (KIP-734)
  [-4n, earliest], // earliest on this node's own storage (KIP-405): there is no other
  [-5n, () => NOTHING], // latest on remote storage (KIP-1005)
]);

/** ListOffsets: the ends of a partition, or its first record at or after a timestamp. */
export const listOffsetsApi: ServedApi = serveApi(listOffsets, async ({ topics }, { services }) => {
  const answers = [];
  for (const { name, partitions } of topics) {
    const found = [];
    for (const partition of partitions) found.push(await list(name, partition, services));
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
  services: Services,
) {
  try {
    const log = partitionOf(topicByName(services.cluster, name), partitionIndex);
    checkLeaderEpoch(log, currentLeaderEpoch);
    const find = SPECIAL.get(timestamp) ?? atOrAfter(timestamp);
    return { partitionIndex, errorCode: ErrorCode.NONE as number, ...(await find(log)) };
  } catch (error) {
    return { partitionIndex, errorCode: failureOf(error, services).errorCode, ...NOTHING };
  }
}

function atOrAfter(timestamp: bigint): Find {
  if (timestamp < 0n)
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `timestamp ${timestamp} stands for nothing that is known`,
    );
  return async (log) => (await log.offsetForTimestamp(timestamp)) ?? NOTHING;
}

/** The epoch is the one that stood when the record at the start was written; the current one in an empty log. */
function earliest(log: PartitionLog): FoundOffset {
  return { offset: log.logStartOffset, timestamp: -1n, leaderEpoch: log.leaderEpochAt(log.logStartOffset) };
}
