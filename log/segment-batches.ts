import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";
import { readWhole, type Segment } from "./segment.ts";

/** Read at once. */
const PIECE_BYTES = 256 * 1024;

/**
 * All batches of a closed segment, in pieces that were read together; each is sound, and stands where it can, also by its
 * offsets and leader epoch, which its CRC does not cover. Throws KafkaError KAFKA_STORAGE_ERROR for damage.
 */
export async function* batchesOf(
  engine: Engine,
  segment: Segment,
  epochMax: number,
): AsyncGenerator<Uint8Array[]> {
  let [next, epoch] = [segment.baseOffset, 0];
  for (let position = 0; position < segment.bytes;) {
    const expected = { offset: undefined, epochMax };
    const { bytes } = await readWhole(segment, position, PIECE_BYTES, segment.bytes, expected);
    const batches: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const header = new BatchHeader(bytes, at);
      const { baseOffset, lastOffset, leaderEpoch } = header;
      const batch = bytes.subarray(at, at + header.bytes);
      if (engine.checkBatch(batch, false, 0) !== batch.length)
        throw damaged(segment, position + at, "a batch's CRC does not match");
      if (baseOffset < next || lastOffset >= segment.endOffset || leaderEpoch < epoch) {
        const what = `a batch of offsets ${baseOffset} to ${lastOffset} and epoch ${leaderEpoch} cannot stand there`;
        throw damaged(segment, position + at, what);
      }
      [next, epoch] = [lastOffset + 1n, leaderEpoch];
      batches.push(batch);
      at += batch.length;
    }
    position += bytes.length;
    yield batches;
  }
}

function damaged({ name }: Segment, position: number, what: string): KafkaError {
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${name} is damaged at byte ${position}: ${what}. It is not compacted. Stop the node and restore the file from a ` +
      `replica or a backup`,
  );
}
