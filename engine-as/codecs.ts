// Kafka's codecs by their number: one way in and one way out for the batch writer, the batch check and the host.

import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD } from "./format";
import { gzipDecompress } from "./gzip-reader";
import { gzipBytesMax, gzipCompress } from "./gzip-writer";
import { lz4FrameDecompress } from "./lz4-frame-reader";
import { lz4FrameBytesMax, lz4FrameCompress } from "./lz4-frame-writer";
import { snappyFrameDecompress } from "./snappy-frame-reader";
import { snappyFrameBytesMax, snappyFrameCompress } from "./snappy-frame-writer";
import { OUTPUT_FULL, UNSUPPORTED_CODEC } from "./status";
import { zstdFrameDecompress } from "./zstd-frame-reader";
import { zstdFrameBytesMax, zstdFrameCompress } from "./zstd-frame-writer";

/** Output that `compress` must be given for `length` bytes, whatever they are; UNSUPPORTED_CODEC. */
export function compressedBytesMax(codec: i32, length: usize): i64 {
  switch (codec) {
    case CODEC_GZIP:
      return <i64>gzipBytesMax(length);
    case CODEC_SNAPPY:
      return <i64>snappyFrameBytesMax(length);
    case CODEC_LZ4:
      return <i64>lz4FrameBytesMax(length);
    case CODEC_ZSTD:
      return <i64>zstdFrameBytesMax(length);
    default:
      return UNSUPPORTED_CODEC;
  }
}

/**
 * Compresses `length` bytes at `source` as Kafka frames them. Answers the number of bytes; OUTPUT_FULL when `outputMax` is less
 * than `compressedBytesMax`; UNSUPPORTED_CODEC.
 */
export function compress(codec: i32, source: usize, length: usize, output: usize, outputMax: usize): i32 {
  const needed = compressedBytesMax(codec, length);
  if (needed < 0) return <i32>needed;
  if (<i64>outputMax < needed) return OUTPUT_FULL;
  switch (codec) {
    case CODEC_GZIP:
      return gzipCompress(source, length, output);
    case CODEC_SNAPPY:
      return snappyFrameCompress(source, length, output);
    case CODEC_LZ4:
      return lz4FrameCompress(source, length, output);
    case CODEC_ZSTD:
      return zstdFrameCompress(source, length, output);
    default:
      return UNSUPPORTED_CODEC;
  }
}

/**
 * Decompresses the `length` bytes at `source`, all of them, into at most `outputMax` bytes at `output`. Answers the number of
 * bytes, OUTPUT_FULL when they would be more, BAD_FRAME, or UNSUPPORTED_CODEC.
 */
export function decompress(codec: i32, source: usize, length: usize, output: usize, outputMax: usize): i32 {
  switch (codec) {
    case CODEC_GZIP:
      return gzipDecompress(source, length, output, outputMax);
    case CODEC_SNAPPY:
      return snappyFrameDecompress(source, length, output, outputMax);
    case CODEC_LZ4:
      return lz4FrameDecompress(source, length, output, outputMax);
    case CODEC_ZSTD:
      return zstdFrameDecompress(source, length, output, outputMax);
    default:
      return UNSUPPORTED_CODEC;
  }
}
