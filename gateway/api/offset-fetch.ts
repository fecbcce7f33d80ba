import type { Cluster } from "../../log/cluster.ts";
import { offsetFetch } from "../../wire/apis/offset-fetch.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { ZERO_UUID } from "../../wire/uuid.ts";
import { type CommittedOffset, type GroupOffsets, isOfTopic } from "../coordinator/committed-offsets.ts";
import type { OffsetReader } from "../coordinator/offset-keeper.ts";
import type { RequestContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on several groups are asked for at once. */
const SEVERAL_FROM = 8;
/** From this version on topics are named by id. */
const TOPIC_IDS_FROM = 10;
/** Before this version what fails stands with each partition. */
const ERROR_OF_ALL_FROM = 2;

interface AskedTopic {
  /** undefined: there is no topic of this id. */
  readonly name: string | undefined;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

/** OffsetFetch: what groups have committed; null topics ask for all. A partition without an offset has -1. */
export const offsetFetchApi: ServedApi = serveApi(offsetFetch, async (request, context) => {
  const { services, apiVersion } = context;
  if (apiVersion < SEVERAL_FROM) {
    const asked = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
    const { topics, errorCode } = await fetched(request.groupId, asked, context);
    if (errorCode === ErrorCode.NONE || apiVersion >= ERROR_OF_ALL_FROM) return { topics, errorCode };
    return { topics: (asked ?? []).map((topic) => withCode(topic, errorCode)) };
  }
  const groups = [];
  const toldWhole = new Set<string>();
  for (const { groupId, topics, memberId, memberEpoch } of request.groups) {
    if (topics === null) {
      // Once, however often it is asked for: a few bytes of a request are answered with all that a group has.
      if (toldWhole.has(groupId)) continue;
      toldWhole.add(groupId);
    }
    const named = topics?.map((topic) => ({
      ...topic,
      name: apiVersion < TOPIC_IDS_FROM ? topic.name : nameOf(topic.topicId, services.cluster),
    }));
    const reader = { memberId, memberEpoch };
    groups.push({ groupId, ...(await fetched(groupId, named ?? null, context, reader)) });
  }
  return { groups };
});

async function fetched(
  groupId: string,
  asked: readonly AskedTopic[] | null,
  { services, apiVersion }: RequestContext,
  reader?: OffsetReader,
) {
  const read = (offsets: GroupOffsets) =>
    asked === null
      ? allOf(offsets, services.cluster, apiVersion)
      : asked.map((topic) => found(topic, offsets, services.cluster));
  try {
    const topics = await services.groups.offsets.committed(groupId, read, reader);
    return { topics, errorCode: ErrorCode.NONE as number };
  } catch (error) {
    return { topics: [], errorCode: failureOf(error, services).errorCode };
  }
}

function found(topic: AskedTopic, offsets: GroupOffsets, cluster: Cluster) {
  const { name, topicId, partitionIndexes } = topic;
  if (name === undefined) return withCode(topic, ErrorCode.UNKNOWN_TOPIC_ID);
  const partitions = offsets.get(name);
  const id = cluster.topic(name)?.id;
  return {
    name,
    topicId,
    partitions: partitionIndexes.map((partition) =>
      answer(partition, ofTopic(partitions?.get(partition), id)),
    ),
  };
}

/** Everything that a group has committed. By ids only topics that are there can be told of. */
function allOf(offsets: GroupOffsets, cluster: Cluster, apiVersion: number) {
  return [...offsets].flatMap(([name, partitions]) => {
    const topicId = cluster.topic(name)?.id;
    if (apiVersion >= TOPIC_IDS_FROM && topicId === undefined) return [];
    const answers = [...partitions].flatMap(([partition, offset]) =>
      ofTopic(offset, topicId) === undefined ? [] : [answer(partition, offset)],
    );
    return answers.length === 0 ? [] : [{ name, topicId: topicId ?? ZERO_UUID, partitions: answers }];
  });
}

/**
 * Nothing where the topic is another by now: the offsets of one that was deleted go when the node hears of it, unless it died
 * just then.
 */
function ofTopic(offset: CommittedOffset | undefined, topicId: string | undefined) {
  return offset === undefined || topicId === undefined || isOfTopic(offset, topicId) ? offset : undefined;
}

function answer(partitionIndex: number, committed: CommittedOffset | undefined) {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1n,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? "",
    errorCode: ErrorCode.NONE as number,
  };
}

function withCode({ name, topicId, partitionIndexes }: AskedTopic, errorCode: number) {
  return {
    name: name ?? "",
    topicId,
    partitions: partitionIndexes.map((partition) => ({ ...answer(partition, undefined), errorCode })),
  };
}

function nameOf(topicId: string, cluster: Cluster): string | undefined {
  return cluster.topicById(topicId)?.name;
}
