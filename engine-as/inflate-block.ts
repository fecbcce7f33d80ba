// Decodes the symbols of a block of DEFLATE. The window is the output so far.
//
// Far from both ends codes are read without any look at them, and copies go in steps that may write past their end, but
// never past the output's. Near the ends every symbol is checked. There the buffer may take in what lies behind the
// input: harmless, as nothing that was made of it is answered.

import {
  bitCount,
  bits,
  bitsNext,
  fillBits,
  inputEnd,
  isBeyondInput,
  lowBits,
  setBitsRead,
  takeBits,
} from "./bit-reader";
import { MATCH_BYTES_MAX } from "./deflate-format";
import { distanceBits, distanceTable, literalBits, literalTable } from "./inflate-codes";
import { ENTRY_END, ENTRY_EXCEPTION, ENTRY_LITERAL, ENTRY_STOP } from "./inflate-tables";
import { BAD_FRAME, OK, OUTPUT_FULL } from "./status";
import { COPY_OVERSHOOT, copyMatch } from "./wide-copy";

/** Input that must remain for the fast loop: the buffer is filled twice, by seven bytes at most. */
const FAST_INPUT: usize = 16;
/** Output that must remain for it: three pairs of literals, a match, and what its last step writes past it. */
const FAST_OUTPUT: usize = MATCH_BYTES_MAX + 6 + COPY_OVERSHOOT;

/** After `decodeBlock`: where its output ends. */
export let blockEnd: usize = 0;

/** The number that an entry stands for, with the extra bits that follow its code in `from`. */
// @ts-ignore: decorator
@inline
function valueOf(entry: u64, from: u64): usize {
  return <usize>((entry >> 16) + (lowBits(from, entry) >> (entry >> 8)));
}

// @ts-ignore: decorator
@inline
function lookUp(table: usize, index: u64): u64 {
  return <u64>load<u32>(table + ((<usize>index) << 2));
}

/**
 * Decodes the symbols of a block, up to its end, to `output`; matches reach back to `low`. Answers OK (`blockEnd` says where the
 * output ends), OUTPUT_FULL, or BAD_FRAME.
 */
export function decodeBlock(low: usize, output: usize, outputEnd: usize): i32 {
  const literalTable_ = literalTable;
  const distanceTable_ = distanceTable;
  const literalMask = ((<u64>1) << literalBits) - 1;
  const distanceMask = ((<u64>1) << distanceBits) - 1;
  let op = output;
  let ip = bitsNext;
  let buffer = bits;
  // Only the lowest six bits count: entries are subtracted from it as they are.
  let count = bitCount;

  if (inputEnd - ip > FAST_INPUT && inputEnd > ip && outputEnd - op > FAST_OUTPUT) {
    const fastInput = inputEnd - FAST_INPUT;
    const fastOutput = outputEnd - FAST_OUTPUT;
    while (ip < fastInput && op < fastOutput) {
      buffer |= load<u64>(ip) << count;
      ip += 7 - <usize>((count >> 3) & 7);
      count |= 56;
      // Up to three entries of literals, 33 bits of 56, leave enough for a length.
      let entry = lookUp(literalTable_, buffer & literalMask);
      if (entry & ENTRY_LITERAL) {
        store<u16>(op, <u16>(entry >> 16));
        op += <usize>((entry >> 8) & 3);
        buffer >>= entry;
        count -= entry;
        entry = lookUp(literalTable_, buffer & literalMask);
        if (entry & ENTRY_LITERAL) {
          store<u16>(op, <u16>(entry >> 16));
          op += <usize>((entry >> 8) & 3);
          buffer >>= entry;
          count -= entry;
          entry = lookUp(literalTable_, buffer & literalMask);
          if (entry & ENTRY_LITERAL) {
            store<u16>(op, <u16>(entry >> 16));
            op += <usize>((entry >> 8) & 3);
            buffer >>= entry;
            count -= entry;
            continue;
          }
        }
      }
      if (entry & ENTRY_EXCEPTION) {
        if (!(entry & ENTRY_STOP)) {
          buffer >>= entry;
          count -= entry;
          entry = lookUp(literalTable_, (entry >> 16) + lowBits(buffer, entry >> 8));
        }
        if (entry & (ENTRY_LITERAL | ENTRY_EXCEPTION)) {
          buffer >>= entry;
          count -= entry;
          if (entry & ENTRY_EXCEPTION) {
            setBitsRead(ip, buffer, count & 63);
            blockEnd = op;
            return entry >> 16 ? BAD_FRAME : OK;
          }
          store<u8>(op++, <u8>(entry >> 16));
          continue;
        }
      }
      const length = valueOf(entry, buffer);
      buffer >>= entry;
      count -= entry;

      buffer |= load<u64>(ip) << count;
      ip += 7 - <usize>((count >> 3) & 7);
      count |= 56;
      entry = lookUp(distanceTable_, buffer & distanceMask);
      if (entry & ENTRY_EXCEPTION) {
        if (entry & ENTRY_STOP) return BAD_FRAME;
        buffer >>= entry;
        count -= entry;
        entry = lookUp(distanceTable_, (entry >> 16) + lowBits(buffer, entry >> 8));
        if (entry & ENTRY_EXCEPTION) return BAD_FRAME;
      }
      const distance = valueOf(entry, buffer);
      buffer >>= entry;
      count -= entry;
      if (distance > op - low) return BAD_FRAME;

      copyMatch(op, distance, op + length);
      op += length;
    }
  }
  setBitsRead(ip, buffer, count & 63);
  return decodeRest(low, op, outputEnd);
}

/** Looks the next code up, in its subtable if it has one, whose bits alone are left to take then. */
function nextEntry(table: usize, tableBits: u64): u64 {
  fillBits();
  const entry = lookUp(table, lowBits(bits, tableBits));
  if ((entry & ENTRY_END) != ENTRY_EXCEPTION) return entry;
  takeBits(entry & 63);
  return lookUp(table, (entry >> 16) + lowBits(bits, entry >> 8));
}

/** The same with every symbol checked and nothing written beyond it. */
function decodeRest(low: usize, op: usize, outputEnd: usize): i32 {
  while (true) {
    let entry = nextEntry(literalTable, literalBits);
    if (entry & (ENTRY_LITERAL | ENTRY_EXCEPTION)) {
      takeBits(entry & 63);
      if (isBeyondInput()) return BAD_FRAME;
      blockEnd = op;
      if (entry & ENTRY_EXCEPTION) return entry >> 16 ? BAD_FRAME : OK;
      let literals = entry >> 16;
      for (let count = (entry >> 8) & 3; count > 0; count--) {
        if (op == outputEnd) return OUTPUT_FULL;
        store<u8>(op++, <u8>literals);
        literals >>= 8;
      }
      continue;
    }
    const length = valueOf(entry, bits);
    takeBits(entry & 63);

    entry = nextEntry(distanceTable, distanceBits);
    if (entry & ENTRY_EXCEPTION) return BAD_FRAME;
    const distance = valueOf(entry, bits);
    takeBits(entry & 63);
    if (isBeyondInput() || distance > op - low) return BAD_FRAME;
    if (length > outputEnd - op) return OUTPUT_FULL;
    const end = op + length;
    while (op < end) {
      store<u8>(op, load<u8>(op - distance));
      op++;
    }
  }
}
