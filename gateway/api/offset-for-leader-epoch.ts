import { offsetForLeaderEpoch } from "../../wire/apis/offset-for-leader-epoch.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { failureOf } from "./failure.ts";
import { checkLeaderEpoch, partitionOf, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** OffsetForLeaderEpoch: the largest epoch at or before the one asked for, and where it ended (KIP-320). */
export const offsetForLeaderEpochApi: ServedApi = serveApi(
  offsetForLeaderEpoch,
  ({ topics }, { services }) => ({
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
        try {
          const log = partitionOf(topicByName(services.cluster, topic), partition);
          checkLeaderEpoch(log, currentLeaderEpoch);
          const { epoch, endOffset } = log.endOffsetForEpoch(leaderEpoch);
          return { errorCode: ErrorCode.NONE as number, partition, leaderEpoch: epoch, endOffset };
        } catch (error) {
          return {
            errorCode: failureOf(error, services).errorCode,
            partition,
            leaderEpoch: -1,
            endOffset: -1n,
          };
        }
      }),
    })),
  }),
);
