// A compressed block of Zstandard (RFC 8878, 3.1.1.3): literals, then the sequences that use them.

import { BAD_FRAME, OUTPUT_FULL } from "./status";
import { literalsFrom, literalsTo, readLiterals, startLiterals } from "./zstd-literals-reader";
import { decodeSequences, WIDE_BYTES } from "./zstd-sequences-decode";
import { readSequencesHeader, sequencesCount, sequencesFrom, startSequences } from "./zstd-sequences-reader";

/** Forgets all that blocks hand on to the next: call this at the start of a frame. */
export function startBlocks(): void {
  startLiterals();
  startSequences();
}

/**
 * Decompresses the block in the `length` bytes at `source` into at most `capacity` bytes at `output`. Matches may reach back to
 * `low`, the start of the frame's output. Answers the number of bytes, OUTPUT_FULL when they would be more, or BAD_FRAME.
 */
export function readBlock(
  source: usize,
  length: usize,
  output: usize,
  capacity: usize,
  low: usize,
  blockMax: usize,
): i32 {
  const end = source + length;
  const sequences = readLiterals(source, end, blockMax);
  if (sequences == 0) return BAD_FRAME;
  if (readSequencesHeader(sequences, end) < 0) return BAD_FRAME;
  if (sequencesCount == 0) {
    const size = literalsTo - literalsFrom;
    if (size > capacity) return OUTPUT_FULL;
    memory.copy(output, literalsFrom, size);
    return <i32>size;
  }
  return decodeSequences(
    sequencesCount,
    sequencesFrom,
    end - sequencesFrom,
    literalsFrom,
    literalsTo,
    output,
    output + capacity,
    output + (capacity > WIDE_BYTES ? capacity - WIDE_BYTES : 0),
    low,
  );
}
