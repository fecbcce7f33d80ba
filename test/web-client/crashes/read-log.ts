/** A topic as @platformatic/kafka reads it, which shares no code with the gateway or the SDK: records and their batches' headers. */
import { Consumer, SASLMechanisms } from "@platformatic/kafka";
import type { LoggedPartition, LoggedRecord } from "./judge.ts";

export interface LogAddress {
  readonly kafkaPort: number;
  /** Where somebody has to sign in. */
  readonly token?: (() => Promise<string>) | undefined;
}

const FETCH_BYTES = 10 << 20;
const WAIT_MS = 500;

export async function readLog({ kafkaPort, token }: LogAddress, name: string): Promise<LoggedPartition[]> {
  const consumer = new Consumer({
    clientId: "crash-matrix",
    bootstrapBrokers: [`127.0.0.1:${kafkaPort}`],
    groupId: "unused",
    retries: 3,
    ...(token !== undefined && { sasl: { mechanism: SASLMechanisms.OAUTHBEARER, token } }),
  });
  try {
    const topic = (await consumer.metadata({ topics: [name] })).topics.get(name);
    if (topic === undefined) throw new Error(`@platformatic/kafka knows no topic ${name}`);
    const partitions: LoggedPartition[] = [];
    for (let partition = 0; partition < topic.partitionsCount; partition++) {
      const node = topic.partitions[partition]?.leader;
      if (node === undefined) throw new Error(`${name}-${partition} has no leader`);
      partitions.push(await readPartition(consumer, { node, topicId: topic.id, name, partition }));
    }
    return partitions;
  } finally {
    await consumer.close();
  }
}

interface Place {
  readonly node: number;
  readonly topicId: string;
  readonly name: string;
  readonly partition: number;
}

async function readPartition(
  consumer: Consumer,
  { node, topicId, name, partition }: Place,
): Promise<LoggedPartition> {
  const records: LoggedRecord[] = [];
  for (let next = 0n; ;) {
    const wanted = { partition, currentLeaderEpoch: -1, fetchOffset: next, lastFetchedEpoch: -1 };
    const answer = await consumer.fetch({
      node,
      topics: [{ topicId, partitions: [{ ...wanted, partitionMaxBytes: FETCH_BYTES }] }],
      minBytes: 0,
      maxBytes: FETCH_BYTES,
      maxWaitTime: WAIT_MS,
    });
    const mine = answer.responses[0]?.partitions[0];
    if (mine === undefined || mine.errorCode !== 0)
      throw new Error(`${name}-${partition} is not read: ${mine?.errorCode ?? "no answer"}`);
    const found = (mine.records ?? []).flatMap(recordsOf).filter(({ offset }) => offset >= next);
    records.push(...found);
    next = (found.at(-1)?.offset ?? next - 1n) + 1n;
    const { logStartOffset, highWatermark } = mine;
    if (next >= highWatermark) return { topic: name, partition, logStartOffset, highWatermark, records };
    if (found.length === 0)
      throw new Error(`${name}-${partition} has nothing at ${next} of ${highWatermark}`);
  }
}

type Batch = NonNullable<
  Awaited<ReturnType<Consumer["fetch"]>>["responses"][number]["partitions"][number]["records"]
>[number];

function recordsOf(batch: Batch): LoggedRecord[] {
  const { firstOffset, firstSequence, partitionLeaderEpoch, producerId, producerEpoch } = batch;
  return batch.records.map(({ offsetDelta, key, value }) => ({
    offset: firstOffset + BigInt(offsetDelta),
    key: key === null ? null : String(key),
    value: value === null ? null : String(value),
    leaderEpoch: partitionLeaderEpoch,
    producerId,
    producerEpoch,
    sequence: firstSequence + offsetDelta,
  }));
}
