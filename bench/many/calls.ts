/** The two calls that the crowd makes most, each checked. */
import { fetch } from "../../wire/apis/fetch.ts";
import { produce } from "../../wire/apis/produce.ts";
import type { KafkaClient } from "../kafka-client.ts";

/** One partition. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** Flexible, and with topic names. */
const PRODUCE_VERSION = 9;
const FETCH_VERSION = 12;
const TIMEOUT_MS = 30_000;
const ALL = -1;

/** Produces a batch with `acks=all`, and answers its bytes. */
export async function produceTo(
  client: KafkaClient,
  { topic, partition }: Place,
  records: Uint8Array,
): Promise<number> {
  const { responses } = await client.request(produce, PRODUCE_VERSION, {
    transactionalId: null,
    acks: ALL,
    timeoutMs: TIMEOUT_MS,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  });
  check(topic, partition, responses[0]?.partitionResponses[0]?.errorCode);
  return records.length;
}

/** How far a consumer has come in a fetch session (KIP-227): its first request has id and epoch 0. */
export interface Session {
  id: number;
  epoch: number;
}

/** What one request asks for. */
export interface Wanted {
  readonly offsets: ReadonlyMap<Place, bigint>;
  /** Of each partition. */
  readonly bytes: number;
  readonly maxWaitMs: number;
  /** Without one everything is asked for each time. */
  readonly session?: Session;
}

/** Answers the batches of those places that have some, by `topic-partition`. */
export async function fetchFrom(
  client: KafkaClient,
  { offsets, bytes, maxWaitMs, session }: Wanted,
): Promise<Map<string, Uint8Array>> {
  const topics = Array.from(offsets, ([{ topic, partition }, fetchOffset]) => ({
    topic,
    partitions: [{ partition, fetchOffset, partitionMaxBytes: bytes }],
  }));
  const answer = await client.request(fetch, FETCH_VERSION, {
    replicaId: -1,
    maxWaitMs,
    minBytes: 1,
    maxBytes: bytes * Math.max(1, offsets.size),
    sessionId: session?.id ?? 0,
    sessionEpoch: session?.epoch ?? -1,
    topics,
  });
  check("the fetch session", 0, answer.errorCode);
  if (session !== undefined) {
    session.id = answer.sessionId;
    session.epoch++;
  }
  const found = new Map<string, Uint8Array>();
  for (const { topic, partitions } of answer.responses) {
    for (const { partitionIndex, errorCode, records } of partitions) {
      check(topic, partitionIndex, errorCode);
      if (records !== null && records.length > 0) found.set(`${topic}-${partitionIndex}`, records.slice());
    }
  }
  return found;
}

function check(topic: string, partition: number, errorCode = ALL): void {
  if (errorCode !== 0) throw new Error(`${topic}-${partition}: the server answered error ${errorCode}`);
}
