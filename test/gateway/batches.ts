/** Batches to produce, and what is read back from them. */
import { BatchHeader } from "../../log/batch.ts";
import { loadEngine } from "../engine/load.ts";
import type { ProtocolClient } from "./protocol-client.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { produce } from "../../wire/apis/produce.ts";
import { ErrorCode } from "../../wire/errors.ts";

const engine = loadEngine();
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const BYTES_MAX = 2 ** 27;

export interface Producer {
  id: bigint;
  epoch: number;
  sequence: number;
}

/** One sealed batch with these values. */
export function batchOf(
  values: readonly (string | Uint8Array)[],
  producer?: Producer,
  codec = 0,
): Uint8Array {
  const records = values.map((value) => ({
    key: null,
    value: typeof value === "string" ? encoder.encode(value) : value,
    timestamp: Date.now(),
  }));
  return engine.writeBatch(records, {
    codec,
    producerId: producer?.id ?? -1n,
    producerEpoch: producer?.epoch ?? -1,
    baseSequence: producer?.sequence ?? -1,
    bytesMax: BYTES_MAX,
  });
}

/** Every record of these batches as `offset value`, after checking each batch's CRC. */
export function valuesOf(bytes: Uint8Array): string[] {
  const values: string[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const batch = bytes.slice(at, at + new BatchHeader(bytes, at).bytes);
    const checked = engine.checkBatch(batch, true, BYTES_MAX);
    if (checked !== batch.byteLength)
      throw new Error(`a batch of ${batch.byteLength} bytes checks as ${checked}`);
    for (const { offset, value } of engine.readBatch(batch, BYTES_MAX))
      values.push(`${offset} ${decoder.decode(value ?? undefined)}`);
    at += batch.byteLength;
  }
  return values;
}

/** The topic's id. */
export async function createTopic(client: ProtocolClient, name: string, partitions = 1): Promise<string> {
  const topic = { name, numPartitions: partitions, replicationFactor: -1, assignments: [], configs: [] };
  const { topics } = await client.request(createTopics, 7, {
    topics: [topic],
    timeoutMs: 1000,
    validateOnly: false,
  });
  if (topics[0]?.errorCode !== ErrorCode.NONE) throw new Error(`${name}: ${topics[0]?.errorMessage}`);
  return topics[0].topicId;
}

/** One batch into one partition; the answer for it. */
export async function produceTo(
  client: ProtocolClient,
  name: string,
  records: Uint8Array | null,
  options: { partition?: number; acks?: number; version?: number } = {},
) {
  const { partition = 0, acks = -1, version = 9 } = options;
  const { responses } = await client.request(produce, version, {
    acks,
    timeoutMs: 1000,
    topicData: [{ name, partitionData: [{ index: partition, records }] }],
  });
  const answer = responses[0]?.partitionResponses[0];
  if (answer === undefined) throw new Error("no answer for the partition");
  return answer;
}

export interface FetchOptions {
  partition?: number;
  maxWaitMs?: number;
  minBytes?: number;
  maxBytes?: number;
  partitionMaxBytes?: number;
  currentLeaderEpoch?: number;
  lastFetchedEpoch?: number;
  isolationLevel?: number;
}

/** Version 12 of Fetch, by name, from one partition. */
export async function fetchFrom(
  client: ProtocolClient,
  topic: string,
  fetchOffset: bigint,
  options: FetchOptions = {},
) {
  const {
    partition = 0,
    maxWaitMs = 0,
    minBytes = 1,
    maxBytes = 2 ** 30,
    partitionMaxBytes = 2 ** 20,
    ...asked
  } = options;
  const { isolationLevel = 0, currentLeaderEpoch = -1, lastFetchedEpoch = -1 } = asked;
  const partitions = [{ partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch, lastFetchedEpoch }];
  const { responses } = await client.request(fetch, 12, {
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    topics: [{ topic, partitions }],
  });
  const answer = responses[0]?.partitions[0];
  if (answer === undefined) throw new Error("no answer for the partition");
  return { ...answer, values: valuesOf(answer.records ?? new Uint8Array(0)) };
}
