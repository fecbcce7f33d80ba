/** Consumer groups of both protocols, as they are now: members, what they have, and how far behind they are. */
import { LATEST, knownOffsets } from "../../../sync/log-offsets.ts";
import type { Metadata } from "../../../sync/metadata.ts";
import type { LiveConnection } from "../../../sync/live-connection.ts";
import { consumerGroupDescribe } from "../../../wire/apis/consumer-group-describe.ts";
import { deleteGroups } from "../../../wire/apis/delete-groups.ts";
import { describeGroups as describeClassicGroups } from "../../../wire/apis/describe-groups.ts";
import { listGroups as listGroupsApi } from "../../../wire/apis/list-groups.ts";
import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import { offsetFetch } from "../../../wire/apis/offset-fetch.ts";
import type { ResponseOf } from "../../../wire/api.ts";
import { readAssignment } from "../../../wire/consumer-protocol.ts";
import { ErrorCode, KafkaError } from "../../../wire/errors.ts";
import type {
  AdminOptions,
  GroupDescription,
  GroupListing,
  GroupMember,
  GroupOffset,
  GroupPartition,
  GroupProtocol,
  TopicPartitions,
} from "../api-admin.ts";
import { ask, connected, refuse, unlessAborted } from "./admin-requests.ts";

type ClassicAnswer = ResponseOf<typeof describeClassicGroups>["groups"][number];
type ConsumerAnswer = ResponseOf<typeof consumerGroupDescribe>["groups"][number];
type Described = Omit<GroupDescription, "partitions" | "lag">;

interface Committed {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
}

export async function listGroups(
  upstream: LiveConnection,
  { signal }: AdminOptions,
): Promise<GroupListing[]> {
  const answer = await ask(upstream, listGroupsApi, {}, signal);
  refuse(answer, "groups");
  return answer.groups
    .map(({ groupId, groupState: state, groupType }) => ({ groupId, state, protocol: protocolOf(groupType) }))
    .toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

export async function describeGroup(
  upstream: LiveConnection,
  metadata: Metadata,
  groupId: string,
  options: AdminOptions,
): Promise<GroupDescription> {
  const [group] = await describeGroups(upstream, metadata, [groupId], options);
  if (group !== undefined) return group;
  throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `group ${groupId}: there is no such group`);
}

export async function describeGroups(
  upstream: LiveConnection,
  metadata: Metadata,
  groupIds: readonly string[],
  { signal }: AdminOptions,
): Promise<GroupDescription[]> {
  if (groupIds.length === 0) return [];
  // A group answers to the one or to the other, and which one may change while it is empty.
  const [consumers, classics] = await Promise.all([
    ask(upstream, consumerGroupDescribe, { groupIds, includeAuthorizedOperations: false }, signal),
    ask(upstream, describeClassicGroups, { groups: groupIds }, signal),
  ]);
  const found = groupIds.flatMap((groupId) => {
    const consumer = consumers.groups.find((group) => group.groupId === groupId);
    if (isThere(consumer, groupId)) return [consumerGroup(consumer)];
    const classic = classics.groups.find((group) => group.groupId === groupId);
    return isThere(classic, groupId) && classic.groupState !== "Dead" ? [classicGroup(classic)] : [];
  });
  const committed = await committedBy(
    upstream,
    metadata,
    found.map(({ groupId }) => groupId),
    signal,
  );
  const places = found.map((group) => placesOf(group, committed.get(group.groupId) ?? []));
  const ends = await unlessAborted(knownOffsets(upstream, byTopic(places.flat()), LATEST), signal);
  return found.map((group, at) => withLag(group, places[at] ?? [], ends));
}

/** Throws what is wrong with a group, unless it is merely not there. */
function isThere<G extends { errorCode: number; errorMessage: string | null }>(
  group: G | undefined,
  groupId: string,
): group is G {
  if (group?.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return false;
  refuse(group, `group ${groupId}`);
  return true;
}

function protocolOf(groupType: string): GroupProtocol {
  const type = groupType.toLowerCase();
  return type === "classic" || type === "consumer" ? type : "other";
}

function consumerGroup(group: ConsumerAnswer): Described {
  const { groupId, groupState: state, assignorName: assignor, groupEpoch: epoch } = group;
  const named = (assignment: ConsumerAnswer["members"][number]["assignment"]): TopicPartitions[] =>
    sorted(assignment.topicPartitions.map(({ topicName: topic, partitions }) => ({ topic, partitions })));
  const members = group.members.map((member): GroupMember => ({
    memberId: member.memberId,
    instanceId: member.instanceId ?? undefined,
    clientId: member.clientId,
    host: member.clientHost,
    assignment: named(member.assignment),
    target: named(member.targetAssignment),
    epoch: member.memberEpoch,
  }));
  return { groupId, protocol: "consumer", state, assignor, epoch, members };
}

function classicGroup(group: ClassicAnswer): Described {
  const { groupId, groupState: state, protocolData } = group;
  const members = group.members.map((member): GroupMember => ({
    memberId: member.memberId,
    instanceId: member.groupInstanceId ?? undefined,
    clientId: member.clientId,
    host: member.clientHost,
    assignment: sorted(readAssignment(member.memberAssignment) ?? []),
    target: undefined,
    epoch: undefined,
  }));
  const assignor = protocolData === "" ? undefined : protocolData;
  return { groupId, protocol: "classic", state, assignor, epoch: undefined, members };
}

function sorted(topics: readonly TopicPartitions[]): TopicPartitions[] {
  return topics
    .map(({ topic, partitions }) => ({ topic, partitions: partitions.toSorted((a, b) => a - b) }))
    .toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
}

async function committedBy(
  upstream: LiveConnection,
  metadata: Metadata,
  groupIds: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, Committed[]>> {
  if (groupIds.length === 0) return new Map();
  const body = { groupId: "", topics: null, groups: groupIds.map((groupId) => ({ groupId, topics: null })) };
  const { groups } = await ask(upstream, offsetFetch, body, signal);
  for (const groupId of groupIds)
    refuse(
      groups.find((group) => group.groupId === groupId),
      `offsets of group ${groupId}`,
    );
  const names = await namesOf(
    groups.flatMap(({ topics }) => topics),
    metadata,
    signal,
  );
  return new Map(
    groups.map(({ groupId, topics }) => [
      groupId,
      topics.flatMap(({ name, topicId, partitions }) => {
        // One that was deleted meanwhile has no name, and nothing to read.
        const topic = name === "" ? names.get(topicId) : name;
        if (topic === undefined) return [];
        return partitions.flatMap(
          ({ partitionIndex: partition, committedOffset: offset, metadata: noted }) =>
            offset < 0n ? [] : [{ topic, partition, offset, metadata: noted ?? "" }],
        );
      }),
    ]),
  );
}

/** From version 10 on OffsetFetch tells topics by their ids alone. */
async function namesOf(
  topics: readonly { readonly name: string }[],
  metadata: Metadata,
  signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
  if (topics.every(({ name }) => name !== "")) return new Map();
  const all = await unlessAborted(metadata.all(), signal);
  return new Map(all.map(({ id, name }) => [id, name]));
}

type Place = Omit<GroupPartition, "highWatermark" | "lag">;

/** Every partition that is assigned or has an offset. */
function placesOf({ members }: Described, committed: readonly Committed[]): Place[] {
  const places = new Map<string, Place>();
  for (const { topic, partition, offset, metadata } of committed)
    places.set(`${topic}/${partition}`, { topic, partition, offset, metadata, memberId: undefined });
  for (const { memberId, assignment } of members) {
    for (const { topic, partitions } of assignment) {
      for (const partition of partitions) {
        const key = `${topic}/${partition}`;
        const unread = { topic, partition, offset: undefined, metadata: "" };
        places.set(key, { ...(places.get(key) ?? unread), memberId });
      }
    }
  }
  return [...places.values()].toSorted((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  );
}

function byTopic(places: readonly Place[]): { name: string; partitions: number[] }[] {
  const topics = new Map<string, Set<number>>();
  for (const { topic, partition } of places)
    topics.set(topic, (topics.get(topic) ?? new Set()).add(partition));
  return Array.from(topics, ([name, partitions]) => ({ name, partitions: [...partitions] }));
}

function withLag(
  group: Described,
  places: readonly Place[],
  ends: ReadonlyMap<string, bigint>,
): GroupDescription {
  const partitions = places.map((place): GroupPartition => {
    const highWatermark = ends.get(`${place.topic}/${place.partition}`);
    const { offset } = place;
    const isKnown = offset !== undefined && highWatermark !== undefined;
    const lag = isKnown ? (offset < highWatermark ? highWatermark - offset : 0n) : undefined;
    return { ...place, highWatermark, lag };
  });
  return { ...group, partitions, lag: partitions.reduce((sum, { lag = 0n }) => sum + lag, 0n) };
}

export async function deleteGroup(
  upstream: LiveConnection,
  groupId: string,
  { signal }: AdminOptions,
): Promise<void> {
  const { results } = await ask(upstream, deleteGroups, { groupsNames: [groupId] }, signal);
  refuse(results[0], `group ${groupId}`);
}

export async function alterGroupOffsets(
  upstream: LiveConnection,
  metadata: Metadata,
  groupId: string,
  offsets: readonly GroupOffset[],
  { signal }: AdminOptions,
): Promise<void> {
  await connected(upstream, signal);
  const topics = await Promise.all(
    [...new Set(offsets.map(({ topic }) => topic))].map(async (name) => {
      const topic = await unlessAborted(metadata.topic(name), signal);
      if (topic === undefined)
        throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `topic ${name}: there is no such topic`);
      const mine = offsets.filter((each) => each.topic === name);
      const partitions = mine.map(({ partition, offset, metadata: noted }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: noted ?? "",
      }));
      return { name, topicId: topic.id, partitions };
    }),
  );
  const answer = await ask(upstream, offsetCommit, { groupId, memberId: "", topics }, signal);
  for (const { name, topicId, partitions } of topics) {
    const answered = answer.topics.find((topic) => topic.name === name || topic.topicId === topicId);
    for (const { partitionIndex } of partitions)
      refuse(
        answered?.partitions.find((each) => each.partitionIndex === partitionIndex),
        `offset of group ${groupId} in ${name}-${partitionIndex}`,
      );
  }
}
