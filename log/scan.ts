/** Reads a segment from its start with the engine's scanner: where do valid bytes end, and why. */
import { BAD_CRC, BAD_LENGTH, BAD_MAGIC, BAD_OFFSET, BAD_RECORDS, OK, TORN } from "../engine-as/status.ts";
import type { Engine, ScannedBatch } from "./engine.ts";
import { MESSAGE_BYTES_MAX, SCAN_PIECE_BYTES } from "./limits.ts";
import type { StoredIndex } from "./segment-index.ts";
import type { StoreFile } from "./store.ts";

/** How the bytes of a segment end: on a batch's end, within a batch, or in bytes that are no batch. */
export type Ending = "whole" | "torn" | "bad";

export interface ScanResult {
  ending: Ending;
  /** The engine's status, or what `visit` said, when the ending is bad. */
  reason: string;
  validBytes: number;
  /** The offset after the last valid batch. */
  endOffset: bigint;
  index: StoredIndex;
}

export interface ScanRequest {
  engine: Engine;
  file: StoreFile;
  baseOffset: bigint;
  indexIntervalBytes: number;
  /** Sees every batch in order; an answer is why the batch is not valid after all. */
  visit: (batch: ScannedBatch) => string | undefined;
}

export async function scanSegment({
  engine,
  file,
  baseOffset,
  indexIntervalBytes,
  visit,
}: ScanRequest): Promise<ScanResult> {
  const size = file.size;
  const scanner = engine.scanner({
    baseOffset,
    nextOffset: baseOffset,
    position: 0,
    indexIntervalBytes: Math.max(1, indexIntervalBytes),
    batchBytesMax: MESSAGE_BYTES_MAX,
  });
  const seen = new Seen(baseOffset);
  let status: number = OK;
  for (let position = 0; position < size;) {
    const piece = await file.read(position, SCAN_PIECE_BYTES);
    if (piece.length === 0) break;
    position += piece.length;
    status = scanner.feed(piece);
    for (const batch of scanner.batches) {
      const refusal = visit(batch);
      // The index has entries for what comes after, too: it is of no use then, and the recovery that cuts scans again.
      if (refusal !== undefined) return seen.result("bad", refusal, NO_INDEX);
      seen.add(batch);
    }
    if (status !== OK && status !== TORN) break;
  }
  const ending = seen.bytes === size ? "whole" : status === TORN || status === OK ? "torn" : "bad";
  const { maxTimestamp, maxTimestampOffset } = scanner;
  const [offsets, times] = [scanner.offsetIndex(), scanner.timeIndex()];
  return seen.result(ending, REASONS[ending](status), { offsets, times, maxTimestamp, maxTimestampOffset });
}

const REASONS: Record<Ending, (status: number) => string> = {
  whole: () => "",
  torn: () => "the last batch is not complete",
  bad: (status) => STATUS_TEXT[status] ?? `status ${status}`,
};

const STATUS_TEXT: Readonly<Record<number, string>> = {
  [BAD_MAGIC]: "the bytes are not a batch",
  [BAD_LENGTH]: "a batch has a length that cannot be",
  [BAD_CRC]: "a batch's CRC does not match",
  [BAD_RECORDS]: "a batch's records cannot be read",
  [BAD_OFFSET]: "a batch's offset does not follow",
};

const NOTHING = new Uint8Array(0);
const NO_INDEX = { offsets: NOTHING, times: NOTHING, maxTimestamp: -1n, maxTimestampOffset: -1n };

/** What was found so far. */
class Seen {
  bytes = 0;
  private endOffset: bigint;

  constructor(baseOffset: bigint) {
    this.endOffset = baseOffset;
  }

  add(batch: ScannedBatch): void {
    this.bytes = batch.position + batch.bytes;
    this.endOffset = batch.lastOffset + 1n;
  }

  result(ending: Ending, reason: string, index: Omit<StoredIndex, "segmentBytes">): ScanResult {
    const { bytes: validBytes, endOffset } = this;
    return { ending, reason, validBytes, endOffset, index: { ...index, segmentBytes: validBytes } };
  }
}
