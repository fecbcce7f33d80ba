import type { Topic } from "../../log/cluster.ts";
import { describeLogDirs } from "../../wire/apis/describe-log-dirs.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** Kafka's word for a size that nobody knows. */
const UNKNOWN_BYTES = -1n;

/** DescribeLogDirs: the one directory there is, and what each partition takes in it. null topics ask for all. */
export const describeLogDirsApi: ServedApi = serveApi(describeLogDirs, async ({ topics }, { services }) => {
  const { cluster, dataDirectory } = services;
  const asked = topics?.map(({ topic, partitions }) => ({ topic: cluster.topic(topic), partitions }));
  const all = Array.from(cluster.topics(), (topic) => ({
    topic,
    partitions: [...topic.partitions.keys()],
  }));
  const space = await dataDirectory.space();
  return {
    errorCode: ErrorCode.NONE,
    results: [
      {
        errorCode: ErrorCode.NONE,
        logDir: dataDirectory.path,
        topics: (asked ?? all).flatMap(({ topic, partitions }) =>
          topic === undefined ? [] : [sizes(topic, partitions)],
        ),
        totalBytes: space?.totalBytes ?? UNKNOWN_BYTES,
        usableBytes: space?.usableBytes ?? UNKNOWN_BYTES,
        isCordoned: false,
      },
    ],
  };
});

function sizes(topic: Topic, partitions: readonly number[]) {
  return {
    name: topic.name,
    partitions: partitions.flatMap((partitionIndex) => {
      const log = topic.partitions[partitionIndex];
      if (log === undefined) return [];
      return [{ partitionIndex, partitionSize: BigInt(log.sizeBytes), offsetLag: 0n, isFutureKey: false }];
    }),
  };
}
