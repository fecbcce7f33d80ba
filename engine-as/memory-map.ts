// Where the engine keeps its own tables and scratch, in bytes from the start of memory. All of it lies below HEAP_AT; from
// there on memory is the host's. Nothing here outlives a call except the tables, which are built once at instantiation.

import { HEAP_AT } from "./format";

/** How far back the sparse multiple of the CRC polynomial reaches: see crc32c.ts. */
export const CRC_PULL_FAR: usize = 5424;
/** How far back the second, smaller multiple reaches. */
export const CRC_WINDOW_PULL_FAR: usize = 1672;
/** Bytes that the main loop of the CRC takes before it moves its history back to the front. */
export const CRC_CHUNK_BYTES: usize = 65536;
/** Below this length the CRC goes through the window alone. */
export const CRC_WINDOW_BYTES_MAX: usize = 12288;
/** What one codec may use of memory during one call, in bytes. */
export const CODEC_SCRATCH_BYTES: usize = 919552;

export const CRC_TABLES_AT: usize = 1024; // 16 slicing tables of 256 uint32
export const CRC_SWIZZLE_AT: usize = 17408; // 4 x 4 x 2 nibble tables of 16 bytes
export const CRC_SPILL_AT: usize = 17920; // 128 bytes
export const PATTERNS_AT: usize = 18048; // 16 swizzle patterns of 16 bytes
export const STRIDES_AT: usize = 18304; // 16 bytes
export const DESCRIPTOR_SCRATCH_AT: usize = 18320; // one record descriptor, for checks that keep none
export const CRC_WINDOW_HISTORY_AT: usize = 18688; // always zero; ends at CRC_WINDOW_AT
export const CRC_WINDOW_AT: usize = 20480;
export const CRC_REST_AT: usize = 32832;
export const SNAPPY_TAGS_AT: usize = 34528; // what each tag of a copy means: 256 uint16
export const CRC_HISTORY_AT: usize = 35456; // ends at CRC_CHUNK_AT
export const CRC_CHUNK_AT: usize = 40960;
export const CRC_POWERS_AT: usize = 112128; // 8 x 16 powers of x, uint32
export const CRC32_TABLES_AT: usize = 112640; // 8 slicing tables of 256 uint32, of the CRC in gzip
export const CODEC_SCRATCH_AT: usize = 120832; // of one call of one codec; each lays it out in a file of its own
export const STATIC_DATA_AT: usize = 1040384; // `memoryBase` in asconfig.json: what asc itself places

if (CRC_TABLES_AT + 16 * 1024 > CRC_SWIZZLE_AT) ERROR("slicing tables overlap the swizzle tables");
if (CRC_SWIZZLE_AT + 512 > CRC_SPILL_AT) ERROR("swizzle tables overlap the spill");
if (CRC_SPILL_AT + 128 > PATTERNS_AT) ERROR("the spill overlaps the patterns");
if (PATTERNS_AT + 256 > STRIDES_AT) ERROR("the patterns overlap the strides");
if (STRIDES_AT + 16 > DESCRIPTOR_SCRATCH_AT) ERROR("the strides overlap the descriptor");
if (DESCRIPTOR_SCRATCH_AT + 40 > CRC_WINDOW_HISTORY_AT) ERROR("the descriptor overlaps the window's history");
if (CRC_WINDOW_HISTORY_AT + CRC_WINDOW_PULL_FAR > CRC_WINDOW_AT) ERROR("the window's history is too short");
if (CRC_WINDOW_AT + CRC_WINDOW_BYTES_MAX + 16 > CRC_REST_AT) ERROR("the window overlaps the rest");
if (CRC_REST_AT + CRC_WINDOW_PULL_FAR + 16 > SNAPPY_TAGS_AT) ERROR("the rest overlaps the Snappy tags");
if (SNAPPY_TAGS_AT + 512 > CRC_HISTORY_AT) ERROR("the Snappy tags overlap the history");
if (CRC_HISTORY_AT + CRC_PULL_FAR > CRC_CHUNK_AT) ERROR("the history is too short");
if (CRC_CHUNK_AT + CRC_CHUNK_BYTES + CRC_PULL_FAR + 80 > CRC_POWERS_AT)
  ERROR("the chunk overlaps the powers of x");
if (CRC_POWERS_AT + 512 > CRC32_TABLES_AT) ERROR("the powers of x are too many");
if (CRC32_TABLES_AT + 8 * 1024 > CODEC_SCRATCH_AT)
  ERROR("the tables of gzip's CRC overlap the codecs' scratch");
if (CODEC_SCRATCH_AT + CODEC_SCRATCH_BYTES > STATIC_DATA_AT)
  ERROR("the codecs' scratch overlaps static data");
if (STATIC_DATA_AT + 8192 > <usize>HEAP_AT) ERROR("no room for static data below the heap");
