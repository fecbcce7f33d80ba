import type { Cluster } from "../../log/cluster.ts";
import { consumerGroupDescribe } from "../../wire/apis/consumer-group-describe.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { ConsumerGroup } from "../coordinator/consumer-group.ts";
import type { ConsumerMember } from "../coordinator/consumer-member.ts";
import { namedOwned, namedTarget, NOTHING, type TopicPartitions } from "../coordinator/partition-sets.ts";
import { GROUP_OPERATIONS, ifAsked } from "./authorized-operations.ts";
import type { Services } from "./context.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** Kafka's type of a member that speaks the consumer protocol; others are not in these groups. */
const CONSUMER_MEMBER = 1;

/**
 * ConsumerGroupDescribe: consumer groups with what their members have, and what they are to have. Each is told once, however often
 * it is named: a few bytes of a request are answered with all members of a group.
 */
export const consumerGroupDescribeApi: ServedApi = serveApi(
  consumerGroupDescribe,
  ({ groupIds, includeAuthorizedOperations }, { services }) => ({
    groups: Array.from(new Set(groupIds), (groupId) => {
      const answered = described(groupId, services);
      const isAsked = includeAuthorizedOperations && answered.errorCode === ErrorCode.NONE;
      return { ...answered, authorizedOperations: ifAsked(isAsked, GROUP_OPERATIONS) };
    }),
  }),
);

function described(groupId: string, services: Services) {
  const { groups, cluster } = services;
  try {
    if (groupId === "")
      throw new KafkaError(ErrorCode.INVALID_GROUP_ID, "the group has no name; give it one");
    const group = groups.describe(groupId);
    if (group?.kind !== "consumer") {
      const why = group === undefined ? "not found" : "is not a consumer group";
      throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} ${why}.`);
    }
    return {
      errorCode: ErrorCode.NONE as number,
      groupId,
      groupState: group.state as string,
      groupEpoch: group.epoch,
      assignmentEpoch: group.assignmentEpoch,
      assignorName: groups.consumers.assignorOf(group),
      members: Array.from(group.members.values(), (member) => memberAnswer(member, group, cluster)),
    };
  } catch (error) {
    return {
      ...failureOf(error, services),
      groupId,
      groupState: "",
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: "",
      members: [],
    };
  }
}

function memberAnswer(member: ConsumerMember, group: ConsumerGroup, cluster: Cluster) {
  const { memberId, instanceId, rackId, clientId, clientHost } = member;
  return {
    memberId,
    instanceId,
    rackId,
    memberEpoch: member.epoch,
    clientId,
    clientHost,
    subscribedTopicNames: [...member.topics],
    subscribedTopicRegex: member.regex,
    assignment: named(namedOwned(member.assigned), cluster),
    targetAssignment: named(namedTarget(group.targets.get(memberId) ?? NOTHING), cluster),
    memberType: CONSUMER_MEMBER,
  };
}

/** A topic that is gone has no name to tell. */
function named(topics: readonly TopicPartitions[], cluster: Cluster) {
  return {
    topicPartitions: topics.flatMap(({ topicId, partitions }) => {
      const topicName = cluster.topicById(topicId)?.name;
      return topicName === undefined ? [] : [{ topicId, topicName, partitions: [...partitions] }];
    }),
  };
}
