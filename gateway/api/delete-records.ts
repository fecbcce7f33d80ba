import type { Topic } from "../../log/cluster.ts";
import { forEachAtMost } from "../../log/turns.ts";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { attempted, failureOf } from "./failure.ts";
import { partitionOf, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";
import { refuseInternal } from "./topic-creation.ts";

/** Partitions of one request that are cut at the same time. */
const AT_ONCE = 16;

interface PartitionAnswer {
  partitionIndex: number;
  lowWatermark: bigint;
  errorCode: number;
}

/**
 * DeleteRecords: the records below an offset (-1: the high watermark) are gone when it is answered, and stay gone (KIP-107).
 * Readers that were further back learn which range it is.
 */
export const deleteRecordsApi: ServedApi = serveApi(deleteRecords, async ({ topics }, { services }) => {
  const answers = topics.map(({ name }) => ({ name, partitions: [] as PartitionAnswer[] }));
  const asked = topics.flatMap(({ name, partitions }, topic) =>
    partitions.map((partition, at) => ({
      ...partition,
      name,
      at,
      answers: answers[topic]?.partitions ?? [],
    })),
  );
  await forEachAtMost(AT_ONCE, asked, async ({ name, partitionIndex, offset, at, answers: answered }) => {
    answered[at] = await attempted(
      async () => {
        refuseInternal(name);
        const topic = topicByName(services.cluster, name);
        refuseCompacted(topic);
        const lowWatermark = await partitionOf(topic, partitionIndex).deleteRecordsBefore(offset);
        return { partitionIndex, lowWatermark, errorCode: ErrorCode.NONE };
      },
      (error) => ({ partitionIndex, lowWatermark: -1n, errorCode: failureOf(error, services).errorCode }),
    );
  });
  return { topics: answers };
});

/** In a compacted log a later record says that an earlier one is gone: nobody may take it away. */
function refuseCompacted({ name, config }: Topic): void {
  if (config.deletes || !config.compacts) return;
  throw new KafkaError(
    ErrorCode.POLICY_VIOLATION,
    `records of "${name}" cannot be deleted, because its cleanup.policy is compact alone`,
  );
}
