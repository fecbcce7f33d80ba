import { BatchHeader } from "../log/batch.ts";
import type { Engine } from "../log/engine.ts";

/** The largest batch that any bench writes. */
export const BATCH_BYTES_MAX = 1024 * 1024;

/** The values of whole batches that lie one after the other, each valid until the next is asked for. */
export function* valuesOf(engine: Engine, batches: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < batches.length;) {
    const end = at + new BatchHeader(batches, at).bytes;
    for (const { value } of engine.readBatch(batches.subarray(at, end), BATCH_BYTES_MAX)) {
      if (value !== null) yield value;
    }
    at = end;
  }
}
