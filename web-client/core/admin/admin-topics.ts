/** Topics and their partitions: made, described, cut and deleted. */
import { EARLIEST, LATEST, knownOffsets } from "../../../sync/log-offsets.ts";
import type { Metadata } from "../../../sync/metadata.ts";
import type { LiveConnection } from "../../../sync/live-connection.ts";
import { createPartitions } from "../../../wire/apis/create-partitions.ts";
import { createTopics } from "../../../wire/apis/create-topics.ts";
import { deleteRecords } from "../../../wire/apis/delete-records.ts";
import { deleteTopics } from "../../../wire/apis/delete-topics.ts";
import { describeLogDirs } from "../../../wire/apis/describe-log-dirs.ts";
import { metadata as metadataApi } from "../../../wire/apis/metadata.ts";
import { ZERO_UUID } from "../../../wire/schema.ts";
import type {
  AdminChangeOptions,
  AdminOptions,
  CreatedTopic,
  CreateTopicOptions,
  DeletedRecords,
  RecordsToDelete,
  TopicDescription,
} from "../api-admin.ts";
import { ask, CHANGE_TIMEOUT_MS, refuse, unlessAborted } from "./admin-requests.ts";

/** The broker's default, of a number that is left out. */
const BROKERS_DEFAULT = -1;
/** Kafka's word for the end as it is now. */
const TO_THE_END = -1n;

export async function createTopic(
  upstream: LiveConnection,
  name: string,
  { signal, validateOnly = false, partitions, replicationFactor, configs = {} }: CreateTopicOptions,
): Promise<CreatedTopic> {
  const { topics } = await ask(
    upstream,
    createTopics,
    {
      topics: [
        {
          name,
          numPartitions: partitions ?? BROKERS_DEFAULT,
          replicationFactor: replicationFactor ?? BROKERS_DEFAULT,
          assignments: [],
          configs: Object.entries(configs).map(([config, value]) => ({ name: config, value: String(value) })),
        },
      ],
      timeoutMs: CHANGE_TIMEOUT_MS,
      validateOnly,
    },
    signal,
  );
  const [made] = topics;
  refuse(made, `topic ${name}`);
  return {
    name,
    id: made === undefined || made.topicId === ZERO_UUID ? undefined : made.topicId,
    partitions: made?.numPartitions ?? BROKERS_DEFAULT,
    replicationFactor: made?.replicationFactor ?? BROKERS_DEFAULT,
  };
}

export async function describeTopic(
  upstream: LiveConnection,
  name: string,
  { signal }: AdminOptions,
): Promise<TopicDescription> {
  const answer = await ask(
    upstream,
    metadataApi,
    { topics: [{ name }], allowAutoTopicCreation: false },
    signal,
  );
  const [topic] = answer.topics;
  refuse(topic, `topic ${name}`);
  const told = (topic?.partitions ?? []).toSorted((a, b) => a.partitionIndex - b.partitionIndex);
  const numbers = told.map(({ partitionIndex }) => partitionIndex);
  const asked = [{ name, partitions: numbers }];
  const [starts, ends, sizes] = await Promise.all([
    unlessAborted(knownOffsets(upstream, asked, EARLIEST), signal),
    unlessAborted(knownOffsets(upstream, asked, LATEST), signal),
    sizesOf(upstream, name, numbers, signal),
  ]);
  return {
    name,
    id: topic?.topicId ?? ZERO_UUID,
    internal: topic?.isInternal ?? false,
    partitions: told.map((each) => ({
      partition: each.partitionIndex,
      leader: each.leaderId < 0 ? undefined : each.leaderId,
      leaderEpoch: each.leaderEpoch,
      replicas: each.replicaNodes,
      inSyncReplicas: each.isrNodes,
      logStartOffset: starts.get(`${name}/${each.partitionIndex}`),
      highWatermark: ends.get(`${name}/${each.partitionIndex}`),
      bytes: sizes.get(each.partitionIndex),
    })),
  };
}

async function sizesOf(
  upstream: LiveConnection,
  topic: string,
  partitions: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Map<number, bigint>> {
  const { results } = await ask(upstream, describeLogDirs, { topics: [{ topic, partitions }] }, signal);
  const told = results.flatMap(({ topics }) => topics).filter(({ name }) => name === topic);
  const whole = told.flatMap((each) => each.partitions).filter(({ isFutureKey }) => !isFutureKey);
  return new Map(whole.map(({ partitionIndex, partitionSize }) => [partitionIndex, partitionSize]));
}

export async function deleteTopic(
  upstream: LiveConnection,
  metadata: Metadata,
  name: string,
  { signal }: AdminOptions,
): Promise<void> {
  const body = { topics: [{ name }], topicNames: [name], timeoutMs: CHANGE_TIMEOUT_MS };
  const { responses } = await ask(upstream, deleteTopics, body, signal);
  metadata.invalidate(name);
  refuse(responses[0], `topic ${name}`);
}

export async function addPartitions(
  upstream: LiveConnection,
  metadata: Metadata,
  name: string,
  total: number,
  { signal, validateOnly = false }: AdminChangeOptions,
): Promise<void> {
  const topics = [{ name, count: total, assignments: null }];
  const body = { topics, timeoutMs: CHANGE_TIMEOUT_MS, validateOnly };
  const { results } = await ask(upstream, createPartitions, body, signal);
  refuse(results[0], `topic ${name}`);
  if (validateOnly) return;
  // Those who read the topic here hear of its new partitions at once.
  metadata.invalidate(name);
  await metadata.topic(name).catch(() => undefined);
}

export async function deleteRecordsBefore(
  upstream: LiveConnection,
  name: string,
  before: readonly RecordsToDelete[],
  { signal }: AdminOptions,
): Promise<DeletedRecords[]> {
  const partitions = before.map(({ partition, before: first }) => {
    if (first !== "end" && first < 0n)
      throw new RangeError(`\`before\`: ${first} is no offset in partition ${partition}`);
    return { partitionIndex: partition, offset: first === "end" ? TO_THE_END : first };
  });
  const body = { topics: [{ name, partitions }], timeoutMs: CHANGE_TIMEOUT_MS };
  const { topics } = await ask(upstream, deleteRecords, body, signal);
  const answered = topics.find((topic) => topic.name === name)?.partitions ?? [];
  for (const { partition } of before)
    refuse(
      answered.find(({ partitionIndex }) => partitionIndex === partition),
      `records of ${name}-${partition}`,
    );
  return answered.map(({ partitionIndex, lowWatermark }) => ({
    partition: partitionIndex,
    logStartOffset: lowWatermark,
  }));
}
