/** Every partition of a gateway that is written from outside, read whole: what the checker compares all else with. */
import { BatchHeader } from "../../log/batch.ts";
import { isInternal } from "../../log/topic-name.ts";
import type { Partition } from "../../log/offline-partition.ts";
import type { GatewayNode } from "./gateway-node.ts";
import type { FinalPartition, StoredRecord } from "./history.ts";
import { engine, UNCOMPRESSED_BYTES_MAX } from "./workload/engine.ts";
import { idOf } from "./workload/values.ts";

const READ_BYTES = 1024 * 1024;

/** `tell` hears of each partition that cannot be read, in words; it is left out. */
export async function readPartitions(
  gateway: GatewayNode,
  tell: (why: string) => void,
): Promise<FinalPartition[]> {
  const partitions: FinalPartition[] = [];
  for (const topic of gateway.cluster?.topics() ?? []) {
    // What the coordinator keeps of groups is nothing that anybody published.
    if (isInternal(topic.name)) continue;
    for (const log of topic.partitions) {
      const { topicId, partition, logStartOffset, highWatermark, sizeBytes } = log;
      try {
        const { records, largestBatchBytes } = await recordsOf(log, highWatermark);
        const { retentionBytes, segmentBytes } = topic.config;
        // Without its first segment it would have less, and that is as large as one may be, or as one batch.
        const beforeBytes = Number(retentionBytes) + Math.max(segmentBytes, largestBatchBytes);
        const size = retentionBytes === undefined ? undefined : { bytes: sizeBytes, beforeBytes };
        const name = { topic: topic.name, topicId, partition };
        partitions.push({ ...name, logStartOffset, highWatermark, ...(size && { size }), records });
      } catch (error) {
        tell(`${topic.name}-${partition} (topic id ${topicId}) cannot be read at the end: ${String(error)}`);
      }
    }
  }
  return partitions;
}

/** Up to `end`: a request that was long on its way may still add to the log meanwhile. */
async function recordsOf(
  log: Partition,
  end: bigint,
): Promise<{ records: StoredRecord[]; largestBatchBytes: number }> {
  const records: StoredRecord[] = [];
  let largestBatchBytes = 0;
  for (let offset = log.logStartOffset; offset < end;) {
    const { bytes, to } = await log.read(offset, READ_BYTES);
    for (let at = 0; at < bytes.byteLength; at += new BatchHeader(bytes, at).bytes)
      largestBatchBytes = Math.max(largestBatchBytes, new BatchHeader(bytes, at).bytes);
    for (const record of storedRecords(bytes))
      if (record.offset >= offset && record.offset < end) records.push(record);
    if (to <= offset)
      throw new Error(`nothing stands at offset ${offset} of [${log.logStartOffset}, ${end})`);
    offset = to;
  }
  return { records, largestBatchBytes };
}

/** The records of whole batches, with what their batches say of them. */
export function* storedRecords(batches: Uint8Array): Generator<StoredRecord, void, void> {
  for (let at = 0; at < batches.byteLength;) {
    const header = new BatchHeader(batches, at);
    const { leaderEpoch, producerId, producerEpoch, baseSequence, baseOffset } = header;
    for (const record of engine.readBatch(batches.slice(at, at + header.bytes), UNCOMPRESSED_BYTES_MAX)) {
      const { offset } = record;
      const sequence = baseSequence < 0 ? -1 : baseSequence + Number(offset - baseOffset);
      yield { offset, id: idOf(record), leaderEpoch, producerId, producerEpoch, sequence };
    }
    at += header.bytes;
  }
}
