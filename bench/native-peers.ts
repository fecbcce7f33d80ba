/**
 * Packages to compare with, most of them native. Any of them may be missing: there is no build for this platform, or there was no
 * compiler. A bench goes on without, and says so.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import type { BenchSettings } from "./bench.ts";

export interface Sse4Crc32 {
  calculate(bytes: Buffer): number;
}
export interface NodeRsCrc32 {
  crc32c(bytes: Uint8Array): number;
}
/** The C library's block functions: whole blocks into a buffer that is there. Both answer the bytes written. */
export interface Lz4Blocks {
  encodeBound(bytes: number): number;
  encodeBlock(input: Buffer, output: Buffer): number;
  decodeBlock(input: Buffer, output: Buffer): number;
}
/** lz4_flex in Rust, frame format. */
export interface Lz4Napi {
  compressFrameSync(bytes: Buffer): Buffer;
  decompressFrameSync(bytes: Buffer): Buffer;
}
/** Google's format in Rust, raw blocks. */
export interface Snappy {
  compressSync(bytes: Buffer): Buffer;
  uncompressSync(bytes: Buffer): Buffer;
}
/** libzstd. */
export interface ZstdNapi {
  Compressor: new () => {
    setParameters(parameters: { compressionLevel: number }): void;
    compress(bytes: Buffer): Buffer;
  };
  Decompressor: new () => { decompress(bytes: Buffer): Buffer };
}
/** Zstandard in JavaScript, which can only read it. */
export interface Fzstd {
  decompress(bytes: Uint8Array): Uint8Array;
}

interface NativePeers {
  sse4_crc32: Sse4Crc32;
  "@node-rs/crc32": NodeRsCrc32;
  lz4: Lz4Blocks;
  "lz4-napi": Lz4Napi;
  snappy: Snappy;
  "zstd-napi": ZstdNapi;
  fzstd: Fzstd;
}

/** Those that `bench/native` pins and `run.mjs` compiles when the full bench is run, with what they must be able to do. */
const peers: { [Name in keyof NativePeers]: { compiled: boolean; functions: (keyof NativePeers[Name])[] } } =
  {
    sse4_crc32: { compiled: true, functions: ["calculate"] },
    "@node-rs/crc32": { compiled: false, functions: ["crc32c"] },
    lz4: { compiled: true, functions: ["encodeBound", "encodeBlock", "decodeBlock"] },
    "lz4-napi": { compiled: false, functions: ["compressFrameSync", "decompressFrameSync"] },
    snappy: { compiled: false, functions: ["compressSync", "uncompressSync"] },
    "zstd-napi": { compiled: true, functions: ["Compressor", "Decompressor"] },
    fzstd: { compiled: false, functions: ["decompress"] },
  };

/**
 * The package, or undefined with the reason added to `notes`. Compiled ones take part in full mode only. Throws instead
 * when RIVULET_REQUIRE_TOOLS=1 says that nothing may be missing.
 */
export function loadNativePeer<Name extends keyof NativePeers>(
  name: Name,
  { root, mode }: BenchSettings,
  notes: string[],
): NativePeers[Name] | undefined {
  const { compiled, functions } = peers[name];
  if (compiled && mode === "small") return undefined;
  const require = createRequire(join(root, compiled ? "bench/native/package.json" : "package.json"));
  try {
    const loaded: unknown = require(name);
    for (const each of functions) {
      if (typeof Reflect.get(Object(loaded), each) !== "function") throw new Error(`has no ${String(each)}`);
    }
    return loaded as NativePeers[Name];
  } catch (error) {
    const reason = String(error instanceof Error ? error.message : error).split("\n")[0];
    const note = `${name} is left out: ${reason}`;
    if (process.env.RIVULET_REQUIRE_TOOLS === "1") throw new Error(note, { cause: error });
    notes.push(note);
    return undefined;
  }
}
