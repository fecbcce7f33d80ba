// The CRC in gzip's trailers (RFC 1952, section 8): the polynomial of IEEE 802.3, which no processor but ARM's has an
// instruction for.
//
// Long inputs go the way that crc32c.ts explains: x^4018 + x^2091 + x^1837 + 1 is a multiple of this polynomial, so every
// byte can be pushed 1927, 2181 and 4018 bytes on and then be forgotten. The 4018 bytes that are left at the end, and short
// inputs, are sliced by eight.

import { buildSlicingTables } from "./crc-slicing-tables";
import {
  CRC32_TABLES_AT,
  CRC_CHUNK_AT,
  CRC_HISTORY_AT,
  CRC_WINDOW_AT,
  CRC_WINDOW_BYTES_MAX,
} from "./memory-map";
import { xor16 } from "./wide-copy";

const POLYNOMIAL_REFLECTED: u32 = 0xedb88320;

const PULL_NEAR: usize = 1927;
const PULL_MIDDLE: usize = 2181;
const PULL_FAR: usize = 4018;

/** Measured: from here on pushing pays. */
const CHUNKS_FROM: usize = 8192;
/** Bytes that are pushed before the history is moved back to the front: what stays in the nearest cache. */
const CHUNK_BYTES: usize = 16384;

if (CHUNK_BYTES % 64 != 0 || CHUNK_BYTES < PULL_FAR) ERROR("the chunk must hold a whole history");
if (CRC_HISTORY_AT + PULL_FAR > CRC_CHUNK_AT) ERROR("the history must end at the chunk");
if (CRC_CHUNK_AT + CHUNK_BYTES + PULL_FAR + 80 > CRC32_TABLES_AT) ERROR("the chunk overlaps the tables");
if (PULL_FAR + 80 > CRC_WINDOW_BYTES_MAX) ERROR("the rest does not fit into the window");
if (CHUNKS_FROM < PULL_FAR + 128) ERROR("nothing would be pushed");

buildSlicingTables(CRC32_TABLES_AT, 8, POLYNOMIAL_REFLECTED);

/** The CRC of `length` bytes at `at`, whose slack may be read. */
export function crc32(at: usize, length: usize): u32 {
  return ~(length < CHUNKS_FROM ? slice(at, length, ~0) : pushChunks(at, length));
}

// @ts-ignore: decorator
@inline
function slice4(word: u32, table: usize): u32 {
  return (
    load<u32>(CRC32_TABLES_AT + ((table + 3) << 10) + ((<usize>(word & 255)) << 2)) ^
    load<u32>(CRC32_TABLES_AT + ((table + 2) << 10) + ((<usize>((word >>> 8) & 255)) << 2)) ^
    load<u32>(CRC32_TABLES_AT + ((table + 1) << 10) + ((<usize>((word >>> 16) & 255)) << 2)) ^
    load<u32>(CRC32_TABLES_AT + (table << 10) + ((<usize>(word >>> 24)) << 2))
  );
}

/** Slicing by eight, then by byte. Takes and answers the raw remainder. */
function slice(at: usize, length: usize, crc: u32): u32 {
  const end = at + length;
  const end8 = at + (length & ~7);
  while (at < end8) {
    crc = slice4(load<u32>(at) ^ crc, 4) ^ slice4(load<u32>(at, 4), 0);
    at += 8;
  }
  while (at < end) {
    crc = load<u32>(CRC32_TABLES_AT + ((<usize>((crc ^ load<u8>(at)) & 255)) << 2)) ^ (crc >>> 8);
    at++;
  }
  return crc;
}

// @ts-ignore: decorator
@inline
function pull16(to: usize, source: usize, at: usize): void {
  xor16(to, source, at - PULL_NEAR, at - PULL_MIDDLE, at - PULL_FAR);
}

/** Pushes `length`, a multiple of 32, bytes from `source` into the chunk at `at`. */
function pushChunk(source: usize, at: usize, length: usize): void {
  const end = at + length;
  while (at < end) {
    pull16(at, source, at);
    pull16(at + 16, source + 16, at + 16);
    at += 32;
    source += 32;
  }
}

/** The raw remainder of a long input. */
function pushChunks(at: usize, length: usize): u32 {
  memory.fill(CRC_CHUNK_AT - PULL_FAR, 0, PULL_FAR);
  let pushed = (length - PULL_FAR) & ~63;
  const rest = length - pushed;

  // The first 64 bytes carry the initial value, in a copy: the source is never written to.
  memory.copy(CRC_WINDOW_AT, at, 64);
  store<u32>(CRC_WINDOW_AT, ~load<u32>(CRC_WINDOW_AT));
  pushChunk(CRC_WINDOW_AT, CRC_CHUNK_AT, 64);
  at += 64;
  pushed -= 64;
  let filled: usize = 64;
  while (true) {
    const take = min<usize>(pushed, CHUNK_BYTES - filled);
    pushChunk(at, CRC_CHUNK_AT + filled, take);
    at += take;
    pushed -= take;
    filled += take;
    if (pushed == 0) break;
    memory.copy(CRC_CHUNK_AT - PULL_FAR, CRC_CHUNK_AT + filled - PULL_FAR, PULL_FAR);
    filled = 0;
  }

  // The bytes that remain take what was pushed past the end, and push nothing themselves.
  const end: usize = CRC_CHUNK_AT + filled;
  memory.fill(end, 0, PULL_FAR + 80);
  for (let offset: usize = 0; offset < rest; offset += 16) {
    pull16(CRC_WINDOW_AT + offset, at + offset, end + offset);
  }
  return slice(CRC_WINDOW_AT, rest, 0);
}
