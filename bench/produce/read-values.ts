/** Reads a topic back over Kafka's protocol, to check what was written. */
import { fetch } from "../../wire/apis/fetch.ts";
import { valuesOf } from "../batches.ts";
import { loadEngine } from "../engine.ts";
import type { KafkaClient } from "../kafka-client.ts";

const FETCH_VERSION = 11;
const FETCH_BYTES = 4 * 1024 * 1024;

/** The values of the first batches of partition 0, FETCH_BYTES of them at most. */
export async function readValues(client: KafkaClient, root: string, topic: string): Promise<Uint8Array[]> {
  const { responses } = await client.request(fetch, FETCH_VERSION, {
    replicaId: -1,
    maxWaitMs: 1000,
    minBytes: 1,
    maxBytes: FETCH_BYTES,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: FETCH_BYTES }] }],
  });
  const bytes = responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
  return Array.from(valuesOf(loadEngine(root), bytes), (value) => Uint8Array.from(value));
}
