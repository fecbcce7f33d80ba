/** Reads a partition that another tab writes: segment files as they are in the store now, batch by batch, writing nothing. */
import { BATCH_HEADER_BYTES } from "../engine-as/format.ts";
import { BatchHeader } from "../log/batch.ts";
import type { ReadableStore } from "./directory-store.ts";

const PIECE_BYTES = 1024 * 1024;

/** Whole batches from the one that holds `offset` on, as far as they are written; none when there is nothing yet. */
export async function* walkSegments(
  store: ReadableStore,
  directory: string,
  offset: bigint,
): AsyncGenerator<Uint8Array, void, void> {
  const names = (await store.list(`${directory}/`)).filter((name) => name.endsWith(".log"));
  const bases = names.map((name) => BigInt(name.slice(directory.length + 1, -".log".length)));
  // A segment ends where the next one begins: those before `offset` are not read.
  const first = Math.max(
    0,
    bases.findLastIndex((base) => base <= offset),
  );
  for (const name of names.slice(first)) {
    for await (const batch of batchesOfFile(store, name)) {
      if (new BatchHeader(batch).lastOffset >= offset) yield batch;
    }
  }
}

async function* batchesOfFile(store: ReadableStore, name: string): AsyncGenerator<Uint8Array, void, void> {
  let position = 0;
  let wanted = PIECE_BYTES;
  for (;;) {
    const piece = await store.readAt(name, position, wanted);
    let at = 0;
    while (at + BATCH_HEADER_BYTES <= piece.byteLength) {
      const { bytes } = new BatchHeader(piece, at);
      if (bytes < BATCH_HEADER_BYTES || at + bytes > piece.byteLength) {
        wanted = Math.max(PIECE_BYTES, bytes);
        break;
      }
      yield piece.subarray(at, at + bytes);
      at += bytes;
    }
    if (at === 0 && piece.byteLength < wanted) return;
    if (at === 0 && wanted === PIECE_BYTES) return;
    position += at;
  }
}
