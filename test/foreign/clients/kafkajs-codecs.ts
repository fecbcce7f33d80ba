/** kafkajs leaves Snappy, LZ4 and Zstandard to plugins; these are such plugins, on libraries that the tests have anyway. */
import { Zstd } from "@hpcc-js/wasm-zstd";
import kafkajs from "kafkajs";
import { compressFrame, decompressFrame } from "lz4-napi";
import snappy from "snappy";

// CommonJS: its names are on the default export.
const { CompressionCodecs, CompressionTypes } = kafkajs;

/** What snappy-java writes in front of its blocks, with two versions after it. */
const FRAME_MAGIC = Buffer.from("\x82SNAPPY\0", "latin1");
const FRAME_HEADER_BYTES = 16;

async function decompressSnappy(buffer: Buffer): Promise<Buffer> {
  if (!buffer.subarray(0, FRAME_MAGIC.length).equals(FRAME_MAGIC)) return await uncompress(buffer);
  const blocks: Buffer[] = [];
  for (let at = FRAME_HEADER_BYTES; at < buffer.length;) {
    const length = buffer.readInt32BE(at);
    at += 4 + length;
    blocks.push(await uncompress(buffer.subarray(at - length, at)));
  }
  return Buffer.concat(blocks);
}

async function uncompress(block: Buffer): Promise<Buffer> {
  return Buffer.from(await snappy.uncompress(block, { asBuffer: true }));
}

/** Gives kafkajs its codecs. */
export function plugInCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => snappy.compress(buffer),
    decompress: decompressSnappy,
  });
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => compressFrame(buffer),
    decompress: (buffer: Buffer) => decompressFrame(buffer),
  });
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => Buffer.from((await Zstd.load()).compress(buffer)),
    decompress: async (buffer: Buffer) => Buffer.from((await Zstd.load()).decompress(buffer)),
  });
}
