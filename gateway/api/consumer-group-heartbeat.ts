import { consumerGroupHeartbeat } from "../../wire/apis/consumer-group-heartbeat.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { namedOwned } from "../coordinator/partition-sets.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on members choose their ids themselves (KIP-1082). */
const OWN_IDS_FROM = 1;

/** ConsumerGroupHeartbeat: joins a consumer group, stays in it, leaves it (KIP-848). */
export const consumerGroupHeartbeatApi: ServedApi = serveApi(
  consumerGroupHeartbeat,
  async (request, { services, apiVersion, clientId, clientHost }) => {
    try {
      const { memberId, memberEpoch, heartbeatIntervalMs, assigned } =
        await services.groups.consumers.heartbeat(
          {
            ...request,
            topics: request.subscribedTopicNames,
            regex: request.subscribedTopicRegex,
            assignor: request.serverAssignor,
            owned: request.topicPartitions,
            clientId: clientId ?? "",
            clientHost,
          },
          apiVersion >= OWN_IDS_FROM,
        );
      return {
        errorCode: ErrorCode.NONE,
        memberId,
        memberEpoch,
        heartbeatIntervalMs,
        assignment: assigned === undefined ? null : { topicPartitions: namedOwned(assigned) },
      };
    } catch (error) {
      return { ...failureOf(error, services), memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0 };
    }
  },
);
