/** Checks what an upstream has sent before any of it is taken: whole batches, joined to what is held, epochs that do not fall. */
import { BATCH_HEADER_BYTES } from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { checkStored } from "./batch-check.ts";
import { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";

export interface ReplicatedBatch {
  readonly batch: Uint8Array;
  readonly header: BatchHeader;
}

/** Where a replica stands. */
export interface ReplicaEnd {
  readonly directory: string;
  readonly end: bigint;
  /** The epoch of its last batch; -1: there is none. */
  readonly epoch: number;
  /** It holds nothing, so that its first batch may begin before its end: where the upstream's log begins within a batch. */
  readonly isEmpty: boolean;
}

/**
 * The batches in `bytes`, which cover [from, to). Throws KafkaError OFFSET_OUT_OF_RANGE when the range does not begin where
 * the replica ends, CORRUPT_MESSAGE for anything that a leader would not have sent.
 */
export function checkReplicated(
  bytes: Uint8Array,
  { from, to }: { from: bigint; to: bigint },
  { directory, end, epoch, isEmpty }: ReplicaEnd,
  engine: Engine,
): ReplicatedBatch[] {
  if (from !== end || to < from) {
    throw new KafkaError(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `${directory} ends at ${end}: [${from}, ${to}) does not join`,
    );
  }
  const batches: ReplicatedBatch[] = [];
  let [expected, epochBefore] = [from, epoch];
  for (let at = 0; at < bytes.length;) {
    const batch = nextBatch(bytes, at, engine);
    const header = new BatchHeader(batch);
    const mayBeginBefore = isEmpty && at === 0 && header.lastOffset >= from;
    if ((header.baseOffset < expected && !mayBeginBefore) || header.lastOffset >= to) {
      throw corrupt(`offsets ${header.baseOffset} to ${header.lastOffset} are not in [${expected}, ${to})`);
    }
    if (header.leaderEpoch < epochBefore)
      throw corrupt(`epoch ${header.leaderEpoch} follows epoch ${epochBefore}`);
    expected = header.lastOffset + 1n;
    epochBefore = header.leaderEpoch;
    batches.push({ batch, header });
    at += batch.length;
  }
  return batches;
}

function nextBatch(bytes: Uint8Array, at: number, engine: Engine): Uint8Array {
  if (bytes.length - at < BATCH_HEADER_BYTES)
    throw corrupt(`${bytes.length - at} bytes are left over, too few for a batch`);
  const size = Math.max(new BatchHeader(bytes, at).bytes, BATCH_HEADER_BYTES);
  const batch = bytes.subarray(at, at + size);
  return batch.subarray(0, checkStored(batch, engine));
}

function corrupt(what: string): KafkaError {
  return new KafkaError(ErrorCode.CORRUPT_MESSAGE, `what the upstream sent cannot be taken: ${what}`);
}
