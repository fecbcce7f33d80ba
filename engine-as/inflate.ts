// Reads DEFLATE, RFC 1951: block after block, up to the one that is the last.

import { inputEnd, nextWholeByte, setBitsRead, startReading, takeNumber } from "./bit-reader";
import { BLOCK_FIXED, BLOCK_STORED } from "./deflate-format";
import { blockEnd, decodeBlock } from "./inflate-block";
import { forgetCodes, readCodes, useFixedCodes } from "./inflate-codes";
import { BAD_FRAME, OUTPUT_FULL } from "./status";

/** After `inflate`: the first byte of the input that it has not used. */
export let inflateEnd: usize = 0;

/**
 * Inflates from `source` on, up to `sourceEnd` at most, into the room between `output` and `outputEnd`. Answers the number of
 * bytes, OUTPUT_FULL when they would be more, or BAD_FRAME; `inflateEnd` is after the last block then.
 */
export function inflate(source: usize, sourceEnd: usize, output: usize, outputEnd: usize): i32 {
  startReading(source, sourceEnd);
  forgetCodes();
  let op = output;
  let isLast = false;
  while (!isLast) {
    const head = <u32>takeNumber(3);
    isLast = (head & 1) != 0;
    const type = head >>> 1;
    if (type > 2) return BAD_FRAME;
    if (type == BLOCK_STORED) {
      const bytes = copyStored(op, outputEnd);
      if (bytes < 0) return bytes;
      op += <usize>bytes;
    } else {
      if (type == BLOCK_FIXED) useFixedCodes();
      else if (!readCodes()) return BAD_FRAME;
      const status = decodeBlock(output, op, outputEnd);
      if (status < 0) return status;
      op = blockEnd;
    }
  }
  inflateEnd = nextWholeByte();
  return <i32>(op - output);
}

/** Copies what a block stores, from the next whole byte on; how many bytes that is. */
function copyStored(op: usize, outputEnd: usize): i32 {
  let at = nextWholeByte();
  if (at > inputEnd || inputEnd - at < 4) return BAD_FRAME;
  const length = <usize>load<u16>(at);
  if ((length ^ (<usize>load<u16>(at, 2))) != 0xffff) return BAD_FRAME;
  at += 4;
  if (length > inputEnd - at) return BAD_FRAME;
  if (length > outputEnd - op) return OUTPUT_FULL;
  memory.copy(op, at, length);
  setBitsRead(at + length, 0, 0);
  return <i32>length;
}
