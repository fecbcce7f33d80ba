/** Reads a topic back over Kafka's protocol, to check what was written. */
import { BatchHeader } from "../../log/batch.ts";
import { fetch } from "../../wire/apis/fetch.ts";
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
  const engine = loadEngine(root);
  const values: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += new BatchHeader(bytes, at).bytes) {
    for (const { value } of engine.readBatch(bytes.subarray(at), FETCH_BYTES)) {
      if (value !== null) values.push(Uint8Array.from(value));
    }
  }
  return values;
}
