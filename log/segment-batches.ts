import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { BatchHeader } from "./batch.ts";
import type { Engine } from "./engine.ts";
import { readWhole, type Segment } from "./segment.ts";

/** Read at once. */
const PIECE_BYTES = 256 * 1024;

/**
 * All batches of a closed segment, in pieces that were read together; each is sound. Throws KafkaError KAFKA_STORAGE_ERROR for
 * damage.
 */
export async function* batchesOf(engine: Engine, segment: Segment): AsyncGenerator<Uint8Array[]> {
  for (let position = 0; position < segment.bytes;) {
    const expected = { offset: undefined, epochMax: Infinity };
    const { bytes } = await readWhole(segment, position, PIECE_BYTES, segment.bytes, expected);
    const batches: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const batch = bytes.subarray(at, at + new BatchHeader(bytes, at).bytes);
      if (engine.checkBatch(batch, false, 0) !== batch.length) {
        throw new KafkaError(
          ErrorCode.KAFKA_STORAGE_ERROR,
          `${segment.name} is damaged at byte ${position + at}: a batch's CRC does not match. It is not compacted. Stop the ` +
            `node and restore the file from a replica or a backup`,
        );
      }
      batches.push(batch);
      at += batch.length;
    }
    position += bytes.length;
    yield batches;
  }
}
