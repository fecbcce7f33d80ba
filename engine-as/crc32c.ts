// CRC32C (Castagnoli), for hosts without a hardware instruction for it.
//
// Long inputs: x^5424 + x^4146 + x^3859 + 1 is a multiple of the polynomial, and so is what comes of putting x^8 for x, which
// makes the exponents distances in bytes. Adding multiples does not change the remainder, so every byte can be pushed
// 1278, 1565 and 5424 bytes on and then forgotten:
//
//   v[p] = data[p] ^ v[p - 1278] ^ v[p - 1565] ^ v[p - 5424]
//
// Nothing but XOR, sixteen bytes at a time, no tables. What is left at the end is a window of 5424 bytes. A second
// multiple with six terms reduces the window to 1672 bytes, a fold over nibble tables that to 128 where the build has SIMD,
// slicing does the rest.
// The distances are not smaller than they are because a load that straddles two stores which are still in flight stalls.
//
// The source is never written to: the initial value is put into copies.

import {
  CRC_CHUNK_AT,
  CRC_CHUNK_BYTES,
  CRC_HISTORY_AT,
  CRC_PULL_FAR,
  CRC_REST_AT,
  CRC_SPILL_AT,
  CRC_SWIZZLE_AT,
  CRC_TABLES_AT,
  CRC_WINDOW_AT,
  CRC_WINDOW_BYTES_MAX,
  CRC_WINDOW_PULL_FAR,
} from "./memory-map";
import "./crc32c-tables";
import { xor16 } from "./wide-copy";

// Measured: from here on the next kernel is the faster one.
const SWIZZLE_FROM: usize = 384;
const WINDOW_FROM: usize = 3072;
const CHUNKS_FROM: usize = CRC_WINDOW_BYTES_MAX;

const PULL_NEAR: usize = 1278;
const PULL_MIDDLE: usize = 1565;
const PULL_FAR: usize = CRC_PULL_FAR;

const WINDOW_PULL_1: usize = 520;
const WINDOW_PULL_2: usize = 1240;
const WINDOW_PULL_3: usize = 1360;
const WINDOW_PULL_4: usize = 1560;
const WINDOW_PULL_5: usize = CRC_WINDOW_PULL_FAR;

if (CRC_CHUNK_BYTES % 64 != 0 || CRC_CHUNK_BYTES < CRC_PULL_FAR) ERROR("the chunk must hold a whole history");
if (CRC_HISTORY_AT + CRC_PULL_FAR > CRC_CHUNK_AT) ERROR("the history must end at the chunk");

/** The CRC of `length` bytes at `at`. `seed` is the CRC of the bytes before them, 0 when there are none. */
export function crc32c(at: usize, length: usize, seed: u32): u32 {
  if (length < SWIZZLE_FROM) return ~slice(at, length, ~seed);
  if (length < WINDOW_FROM) return ~foldOrSlice(at, length, ~seed);
  if (length < CHUNKS_FROM) return ~foldCopy(at, length, ~seed);
  return ~foldChunks(at, length, ~seed);
}

// @ts-ignore: decorator
@inline
function slice4(word: u32, table: usize): u32 {
  return (
    load<u32>(CRC_TABLES_AT + ((table + 3) << 10) + ((<usize>(word & 255)) << 2)) ^
    load<u32>(CRC_TABLES_AT + ((table + 2) << 10) + ((<usize>((word >>> 8) & 255)) << 2)) ^
    load<u32>(CRC_TABLES_AT + ((table + 1) << 10) + ((<usize>((word >>> 16) & 255)) << 2)) ^
    load<u32>(CRC_TABLES_AT + (table << 10) + ((<usize>(word >>> 24)) << 2))
  );
}

/** Slicing by sixteen, then by byte. Takes and answers the raw remainder, as all that follow do. */
function slice(at: usize, length: usize, crc: u32): u32 {
  const end = at + length;
  const end16 = at + (length & ~15);
  while (at < end16) {
    crc =
      slice4(load<u32>(at) ^ crc, 12) ^
      slice4(load<u32>(at, 4), 8) ^
      slice4(load<u32>(at, 8), 4) ^
      slice4(load<u32>(at, 12), 0);
    at += 16;
  }
  while (at < end) {
    crc = load<u32>(CRC_TABLES_AT + ((<usize>((crc ^ load<u8>(at)) & 255)) << 2)) ^ (crc >>> 8);
    at++;
  }
  return crc;
}

// @ts-ignore: decorator
@inline
function lookup(table: usize, low: v128, high: v128): v128 {
  return v128.xor(
    i8x16.swizzle(v128.load(CRC_SWIZZLE_AT + table), low),
    i8x16.swizzle(v128.load(CRC_SWIZZLE_AT + table + 16), high),
  );
}

// @ts-ignore: decorator
@inline
function foldTo(
  output: usize,
  aLow: v128,
  aHigh: v128,
  bLow: v128,
  bHigh: v128,
  cLow: v128,
  cHigh: v128,
  dLow: v128,
  dHigh: v128,
): v128 {
  return v128.xor(
    v128.xor(lookup(output * 128, aLow, aHigh), lookup(output * 128 + 32, bLow, bHigh)),
    v128.xor(lookup(output * 128 + 64, cLow, cHigh), lookup(output * 128 + 96, dLow, dHigh)),
  );
}

/** Middle lengths, at least 128 bytes. */
// @ts-ignore: decorator
@inline
function foldOrSlice(at: usize, length: usize, crc: u32): u32 {
  if (ASC_FEATURE_SIMD) return fold(at, length, crc);
  else return slice(at, length, crc);
}

/** Folds 128 bytes onto the next 128 until fewer are left. Needs at least 128 bytes. */
function fold(at: usize, length: usize, crc: u32): u32 {
  const nibble = i8x16.splat(15);
  // Two groups of sixteen lanes: a, b, c, d are 32 bytes apart, and e, f, g, h lie between them.
  let a = v128.xor(v128.load(at), i32x4.replace_lane(i32x4.splat(0), 0, crc));
  let e = v128.load(at, 16);
  let b = v128.load(at, 32);
  let f = v128.load(at, 48);
  let c = v128.load(at, 64);
  let g = v128.load(at, 80);
  let d = v128.load(at, 96);
  let h = v128.load(at, 112);
  at += 128;
  length -= 128;
  while (length >= 128) {
    let aLow = v128.and(a, nibble);
    let aHigh = i8x16.shr_u(a, 4);
    let bLow = v128.and(b, nibble);
    let bHigh = i8x16.shr_u(b, 4);
    let cLow = v128.and(c, nibble);
    let cHigh = i8x16.shr_u(c, 4);
    let dLow = v128.and(d, nibble);
    let dHigh = i8x16.shr_u(d, 4);
    a = v128.xor(v128.load(at), foldTo(0, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    b = v128.xor(v128.load(at, 32), foldTo(1, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    c = v128.xor(v128.load(at, 64), foldTo(2, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    d = v128.xor(v128.load(at, 96), foldTo(3, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    aLow = v128.and(e, nibble);
    aHigh = i8x16.shr_u(e, 4);
    bLow = v128.and(f, nibble);
    bHigh = i8x16.shr_u(f, 4);
    cLow = v128.and(g, nibble);
    cHigh = i8x16.shr_u(g, 4);
    dLow = v128.and(h, nibble);
    dHigh = i8x16.shr_u(h, 4);
    e = v128.xor(v128.load(at, 16), foldTo(0, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    f = v128.xor(v128.load(at, 48), foldTo(1, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    g = v128.xor(v128.load(at, 80), foldTo(2, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    h = v128.xor(v128.load(at, 112), foldTo(3, aLow, aHigh, bLow, bHigh, cLow, cHigh, dLow, dHigh));
    at += 128;
    length -= 128;
  }
  v128.store(CRC_SPILL_AT, a);
  v128.store(CRC_SPILL_AT, e, 16);
  v128.store(CRC_SPILL_AT, b, 32);
  v128.store(CRC_SPILL_AT, f, 48);
  v128.store(CRC_SPILL_AT, c, 64);
  v128.store(CRC_SPILL_AT, g, 80);
  v128.store(CRC_SPILL_AT, d, 96);
  v128.store(CRC_SPILL_AT, h, 112);
  return slice(at, length, slice(CRC_SPILL_AT, 128, 0));
}

/** Middle lengths: a copy in the window is reduced in place. */
function foldCopy(at: usize, length: usize, crc: u32): u32 {
  memory.copy(CRC_WINDOW_AT, at, length);
  store<u32>(CRC_WINDOW_AT, load<u32>(CRC_WINDOW_AT) ^ crc);
  return foldWindow(length);
}

// @ts-ignore: decorator
@inline
function pulled(at: usize): u64 {
  return load<u64>(at - WINDOW_PULL_4) ^ load<u64>(at - WINDOW_PULL_5);
}

/** Reduces the first `length` bytes of the window; what lies before the window is zero and stays zero. */
function foldWindow(length: usize): u32 {
  const eliminated = (length - WINDOW_PULL_5) & ~7;
  const end = CRC_WINDOW_AT + eliminated;
  let at: usize = CRC_WINDOW_AT;
  while (at < end) {
    store<u64>(
      at,
      load<u64>(at) ^
        load<u64>(at - WINDOW_PULL_1) ^
        load<u64>(at - WINDOW_PULL_2) ^
        load<u64>(at - WINDOW_PULL_3) ^
        pulled(at),
    );
    at += 8;
  }
  // The bytes that remain take what was pushed past the end, and push nothing themselves.
  const shift: usize = CRC_REST_AT - end;
  while (at < end + WINDOW_PULL_1) {
    store<u64>(
      at + shift,
      load<u64>(at) ^
        load<u64>(at - WINDOW_PULL_1) ^
        load<u64>(at - WINDOW_PULL_2) ^
        load<u64>(at - WINDOW_PULL_3) ^
        pulled(at),
    );
    at += 8;
  }
  while (at < end + WINDOW_PULL_2) {
    store<u64>(
      at + shift,
      load<u64>(at) ^ load<u64>(at - WINDOW_PULL_2) ^ load<u64>(at - WINDOW_PULL_3) ^ pulled(at),
    );
    at += 8;
  }
  while (at < end + WINDOW_PULL_3) {
    store<u64>(at + shift, load<u64>(at) ^ load<u64>(at - WINDOW_PULL_3) ^ pulled(at));
    at += 8;
  }
  while (at < end + WINDOW_PULL_4) {
    store<u64>(at + shift, load<u64>(at) ^ pulled(at));
    at += 8;
  }
  while (at < end + WINDOW_PULL_5) {
    store<u64>(at + shift, load<u64>(at) ^ load<u64>(at - WINDOW_PULL_5));
    at += 8;
  }
  store<u64>(at + shift, load<u64>(at));
  return foldOrSlice(CRC_REST_AT, length - eliminated, 0);
}

/** Sixteen bytes at `source`, and what is pushed onto `at` from before it. */
// @ts-ignore: decorator
@inline
function push(to: usize, source: usize, at: usize): void {
  xor16(to, source, at - PULL_NEAR, at - PULL_MIDDLE, at - PULL_FAR);
}

/** The main loop: `length`, a multiple of 64, bytes from `source` into the chunk at `at`. */
function pushChunk(source: usize, at: usize, length: usize): void {
  const end = at + length;
  while (at < end) {
    push(at, source, at);
    push(at + 16, source + 16, at + 16);
    push(at + 32, source + 32, at + 32);
    push(at + 48, source + 48, at + 48);
    at += 64;
    source += 64;
  }
}

/** Long inputs: chunk after chunk into scratch memory, then the window. */
function foldChunks(at: usize, length: usize, crc: u32): u32 {
  memory.fill(CRC_CHUNK_AT - PULL_FAR, 0, PULL_FAR);
  let eliminate = (length - PULL_FAR) & ~63;
  const windowBytes = length - eliminate;

  // The first 64 bytes carry the initial value, in a copy.
  memory.copy(CRC_SPILL_AT, at, 64);
  store<u32>(CRC_SPILL_AT, load<u32>(CRC_SPILL_AT) ^ crc);
  pushChunk(CRC_SPILL_AT, CRC_CHUNK_AT, 64);
  at += 64;
  eliminate -= 64;
  let filled: usize = 64;
  while (true) {
    const take = min<usize>(eliminate, CRC_CHUNK_BYTES - filled);
    pushChunk(at, CRC_CHUNK_AT + filled, take);
    at += take;
    eliminate -= take;
    filled += take;
    if (eliminate == 0) break;
    memory.copy(CRC_CHUNK_AT - PULL_FAR, CRC_CHUNK_AT + filled - PULL_FAR, PULL_FAR);
    filled = 0;
  }

  const end: usize = CRC_CHUNK_AT + filled;
  memory.fill(end, 0, PULL_FAR + 64);
  for (let offset: usize = 0; offset < windowBytes; offset += 16) {
    push(CRC_WINDOW_AT + offset, at + offset, end + offset);
  }
  return foldWindow(windowBytes);
}
