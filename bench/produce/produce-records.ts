/** Puts records into partition 0 of a topic over Kafka's protocol, in whole batches, as what a bench then reads. */
import { CODEC_NONE } from "../../engine-as/format.ts";
import type { RecordInput } from "../../log/record.ts";
import { produce } from "../../wire/apis/produce.ts";
import { BATCH_BYTES_MAX } from "../batches.ts";
import { loadEngine } from "../engine.ts";
import { openKafkaClient } from "../kafka-client.ts";

const VERSION = 9;
const TIMEOUT_MS = 10_000;
const BATCH_RECORDS = 1000;

export async function produceRecords(
  { root, kafkaPort, topic }: { root: string; kafkaPort: number; topic: string },
  records: readonly RecordInput[],
): Promise<void> {
  const engine = loadEngine(root);
  const client = await openKafkaClient(kafkaPort, () => {});
  try {
    for (let at = 0; at < records.length; at += BATCH_RECORDS) {
      const batch = engine.writeBatch(records.slice(at, at + BATCH_RECORDS), {
        codec: CODEC_NONE,
        producerId: -1n,
        producerEpoch: -1,
        baseSequence: -1,
        bytesMax: BATCH_BYTES_MAX,
      });
      const { responses } = await client.request(produce, VERSION, {
        transactionalId: null,
        acks: -1,
        timeoutMs: TIMEOUT_MS,
        topicData: [{ name: topic, partitionData: [{ index: 0, records: batch }] }],
      });
      const answer = responses[0]?.partitionResponses[0];
      if (answer?.errorCode !== 0)
        throw new Error(`the gateway refused a batch: error ${answer?.errorCode}, ${answer?.errorMessage}`);
    }
  } finally {
    client.close();
  }
}
