/** Who compresses and decompresses: the engine in its two ways, and each codec's libraries. */
import { gunzipSync, gzipSync } from "node:zlib";
import type { Engine } from "../../log/engine.ts";
import type { BenchSettings } from "../bench.ts";
import type { BareEngine } from "../engine.ts";
import { loadNativePeer } from "../native-peers.ts";
import { LARGEST } from "./inputs.ts";

/** One way of one contestant on one input, with whatever can be made ready before it is timed. */
export interface Work {
  /** Answers how many bytes came out. */
  run(): number;
  /** What the last `run` has made; for checks. */
  output(): Uint8Array;
}

/** A way is missing where a library has only the other. */
export interface Contestant {
  readonly name: string;
  readonly compressor?: (input: Buffer) => Work;
  /** `bytes`: how many come out. */
  readonly decompressor?: (compressed: Buffer, bytes: number) => Work;
}

export const IN_MEMORY = "rivulet, in WASM memory";
const WITH_COPIES = "rivulet, with the copies";

/** Each way has a place of its own in memory, so that what one has made can be checked by the other. */
const PLACE_BYTES = 4 * LARGEST;
export const MEMORY_BYTES = 2 * PLACE_BYTES;
/** More than an input's slack, and no power of two. */
const OUTPUT_DISTANCE = 4096 + 320;

/** The engine on bytes that are in WASM memory already, and stay there. */
export function inMemory(bare: BareEngine, codec: number): Contestant {
  const work = (name: "compress" | "decompress", input: Buffer, at: number, outputMax: number): Work => {
    const call = bare.resolve(name);
    const source = bare.put(input, at);
    const output = source + input.length + OUTPUT_DISTANCE;
    let bytes = 0;
    return {
      run: () => (bytes = call(codec, source, input.length, output, outputMax)),
      output: () => bare.get(output, bytes),
    };
  };
  return {
    name: IN_MEMORY,
    compressor: (input) => work("compress", input, 0, bare.call("compressedBytesMax", codec, input.length)),
    decompressor: (compressed, bytes) => work("decompress", compressed, PLACE_BYTES, bytes),
  };
}

export function withCopies(engine: Engine, codec: number): Contestant {
  return {
    name: WITH_COPIES,
    compressor: (input) => work(() => engine.compress(codec, input)),
    decompressor: (compressed, bytes) => work(() => engine.decompress(codec, compressed, bytes)),
  };
}

/** A library that makes its own output. */
function work(make: () => Uint8Array): Work {
  let output: Uint8Array = new Uint8Array(0);
  return { run: () => (output = make()).length, output: () => output };
}

/** Magic, independent blocks of up to 64 KiB, 256 KiB and 4 MiB without checksums, and the header's checksum. */
const LZ4_HEADERS = ["04224d18604082", "04224d186050fb", "04224d18607073"].map((hex) =>
  Buffer.from(hex, "hex"),
);
const [LZ4_SMALL, LZ4_MIDDLE, LZ4_LARGE] = LZ4_HEADERS as [Buffer, Buffer, Buffer];
const LZ4_BLOCK_AT = LZ4_SMALL.length + 4;
const LZ4_END = Buffer.alloc(4);

function lz4Header(blockBytes: number): Buffer {
  if (blockBytes <= 65_536) return LZ4_SMALL;
  return blockBytes <= 262_144 ? LZ4_MIDDLE : LZ4_LARGE;
}

/** The C library's block functions, in its fast mode; a frame is put around the block, or taken off, untimed. */
export function lz4InC(settings: BenchSettings, notes: string[]): Contestant[] {
  const lz4 = loadNativePeer("lz4", settings, notes);
  if (lz4 === undefined) return [];
  const compressor = (input: Buffer): Work => {
    const block = Buffer.alloc(lz4.encodeBound(input.length));
    let bytes = 0;
    const frame = (): Uint8Array => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(bytes);
      return Buffer.concat([
        lz4Header(Math.max(bytes, input.length)),
        size,
        block.subarray(0, bytes),
        LZ4_END,
      ]);
    };
    return { run: () => (bytes = lz4.encodeBlock(input, block)), output: frame };
  };
  const decompressor = (frame: Buffer, bytes: number): Work => {
    const block = frame.subarray(LZ4_BLOCK_AT, frame.length - LZ4_END.length);
    const output = Buffer.alloc(bytes);
    return { run: () => lz4.decodeBlock(block, output), output: () => output };
  };
  return [{ name: "lz4 (C)", compressor, decompressor }];
}

/** lz4_flex: frames. */
export function lz4InRust(settings: BenchSettings, notes: string[]): Contestant[] {
  const lz4 = loadNativePeer("lz4-napi", settings, notes);
  if (lz4 === undefined) return [];
  return [
    {
      name: "lz4-napi (Rust)",
      compressor: (input) => work(() => lz4.compressFrameSync(input)),
      decompressor: (compressed) => work(() => lz4.decompressFrameSync(compressed)),
    },
  ];
}

/** Raw blocks, without a frame. */
export function snappyInRust(settings: BenchSettings, notes: string[]): Contestant[] {
  const snappy = loadNativePeer("snappy", settings, notes);
  if (snappy === undefined) return [];
  return [
    {
      name: "snappy (Rust)",
      compressor: (input) => work(() => snappy.compressSync(input)),
      decompressor: (compressed) => work(() => snappy.uncompressSync(compressed)),
    },
  ];
}

/** Node's own zlib, with room for all of the output at once, so that nothing is joined. */
export const zlib: Contestant = {
  name: "node:zlib, level 1",
  compressor: (input) => {
    const chunkSize = input.length + (input.length >> 3) + 1024;
    return work(() => gzipSync(input, { level: 1, chunkSize }));
  },
  decompressor: (compressed, bytes) =>
    work(() => gunzipSync(compressed, { chunkSize: Math.max(bytes + 1, 1024) })),
};

export function zstdInC(settings: BenchSettings, notes: string[]): Contestant[] {
  const zstd = loadNativePeer("zstd-napi", settings, notes);
  if (zstd === undefined) return [];
  const compressor = new zstd.Compressor();
  compressor.setParameters({ compressionLevel: 1 });
  const decompressor = new zstd.Decompressor();
  return [
    {
      name: "zstd-napi (C), level 1",
      compressor: (input) => work(() => compressor.compress(input)),
      decompressor: (compressed) => work(() => decompressor.decompress(compressed)),
    },
  ];
}

/** JavaScript; reads only. */
export function zstdInJavaScript(settings: BenchSettings, notes: string[]): Contestant[] {
  const fzstd = loadNativePeer("fzstd", settings, notes);
  if (fzstd === undefined) return [];
  return [{ name: "fzstd", decompressor: (compressed) => work(() => fzstd.decompress(compressed)) }];
}
