/** Reads a partition that another tab writes: segment files as they are in the store now, batch by batch, writing nothing. */
import { BATCH_HEADER_BYTES } from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { ReadableStore } from "./directory-store.ts";

const PIECE_BYTES = 1024 * 1024;

/** Where a batch begins. */
export interface SegmentPlace {
  readonly name: string;
  readonly position: number;
}

export interface WalkedBatch {
  /** Not checked: it may be in the middle of being written, or of being cut off. */
  readonly batch: Uint8Array;
  /** Where the next one will begin. */
  readonly next: SegmentPlace;
}

/**
 * Whole batches from the one that holds `offset` on, as far as they are written. `place`, where an earlier walk stood at
 * `offset`, spares going through the segment again; when the log was cut back meanwhile nothing may be found from there.
 */
export async function* walkSegments(
  store: ReadableStore,
  directory: string,
  offset: bigint,
  place?: SegmentPlace,
): AsyncGenerator<WalkedBatch, void, void> {
  const { names, bases } = await segmentsOf(store, directory);
  // A segment ends where the next one begins: those before `offset` are not read.
  const stood = place === undefined ? -1 : names.indexOf(place.name);
  const first = stood >= 0 ? stood : bases.findLastIndex((base) => base <= offset);
  for (const name of names.slice(Math.max(0, first))) {
    const from = name === place?.name ? place.position : 0;
    for await (const walked of batchesOfFile(store, name, from)) {
      if (new BatchHeader(walked.batch).lastOffset >= offset) yield walked;
    }
  }
}

/** Where the first segment begins: nothing before it is held. undefined: there is none. */
export async function firstBase(store: ReadableStore, directory: string): Promise<bigint | undefined> {
  return (await segmentsOf(store, directory)).bases[0];
}

async function segmentsOf(
  store: ReadableStore,
  directory: string,
): Promise<{ names: string[]; bases: bigint[] }> {
  const names = (await store.list(`${directory}/`)).filter((name) => name.endsWith(".log"));
  return { names, bases: names.map((name) => BigInt(name.slice(directory.length + 1, -".log".length))) };
}

async function* batchesOfFile(
  store: ReadableStore,
  name: string,
  from: number,
): AsyncGenerator<WalkedBatch, void, void> {
  let position = from;
  let wanted = PIECE_BYTES;
  for (;;) {
    const piece = await store.readAt(name, position, wanted);
    const isEnd = piece.byteLength < wanted;
    wanted = PIECE_BYTES;
    let at = 0;
    while (at + BATCH_HEADER_BYTES <= piece.byteLength) {
      const { bytes } = new BatchHeader(piece, at);
      if (bytes < BATCH_HEADER_BYTES) return;
      if (at + bytes > piece.byteLength) {
        // Larger than a piece: it is asked for whole. What the file does not have is not written yet.
        wanted = Math.max(PIECE_BYTES, bytes);
        break;
      }
      at += bytes;
      yield { batch: piece.subarray(at - bytes, at), next: { name, position: position + at } };
    }
    if (isEnd || (at === 0 && wanted === PIECE_BYTES)) return;
    position += at;
  }
}
