/**
 * LZ4 on click-stream JSON, both ways: the engine in WASM memory and with its copies, in Kafka's framing (a frame of
 * independent 64 KiB blocks), against the C library (one block, the fast mode) and lz4_flex in Rust (a frame). MB/s are of
 * the bytes that are not compressed.
 */
import { CODEC_LZ4 } from "../engine-as/format.ts";
import { SHORT_ROUNDS, type BenchSettings } from "./bench.ts";
import { checksum } from "./checksum.ts";
import { clickStreamBytes } from "./click-stream.ts";
import { loadBareEngine, loadEngine, type BareEngine } from "./engine.ts";
import { interleave, loop, MEGABYTES, type Result } from "./harness.ts";
import { loadNativePeer, type Lz4Blocks, type Lz4Napi } from "./native-peers.ts";
import type { BenchReport } from "./report.ts";

const KIB = 1024;
const sizes = { "64 KiB": 64 * KIB, "1 MiB": 1024 * KIB };
const NATIVE = "lz4 (C)";

/** One implementation on one input: `compress` leaves its result where `decompress` finds it. */
interface Codec {
  readonly name: string;
  /** Both answer how many bytes came out. */
  compress(): number;
  decompress(): number;
  /** What `decompress` has made; for checks. */
  decompressed(): Uint8Array;
}

export async function lz4Bench(settings: BenchSettings): Promise<BenchReport> {
  const { rounds, warmups, roundMs } = SHORT_ROUNDS[settings.mode];
  const notes: string[] = [];
  const engine = loadEngine(settings.root);
  const bare = loadBareEngine(settings.root, 4 * sizes["1 MiB"]);
  const native = loadNativePeer("lz4", settings, notes);
  const napi = loadNativePeer("lz4-napi", settings, notes);
  const computed: (Uint8Array | number)[] = [];
  const cases: { name: string; results: Result[] }[] = [];

  for (const [size, bytes] of Object.entries(sizes)) {
    const input = Buffer.from(clickStreamBytes(settings.seed, bytes).buffer);
    const codecs: Codec[] = [inMemory(bare, input), withCopies(engine, input)];
    if (native !== undefined) codecs.push(nativeBlock(native, input));
    if (napi !== undefined) codecs.push(napiFrame(napi, input));
    const smaller: string[] = [];
    for (const codec of codecs) {
      const compressed = codec.compress();
      if (codec.decompress() !== bytes || !input.equals(codec.decompressed())) {
        throw new Error(`${codec.name} does not give back the ${size} that it compressed`);
      }
      smaller.push(`${codec.name} ${(bytes / compressed).toFixed(2)}`);
    }
    notes.push(`times smaller, ${size}: ${smaller.join(", ")}`);
    computed.push(engine.compress(CODEC_LZ4, input));
    for (const way of ["compress", "decompress"] as const) {
      const contenders = codecs.map((codec) =>
        loop({ name: codec.name, bytes, roundMs, work: () => void codec[way]() }),
      );
      cases.push({ name: `${way} ${size}`, results: await interleave(contenders, { rounds, warmups }) });
    }
  }
  return {
    name: "LZ4 of JSON",
    tables: [{ title: "LZ4", metrics: [MEGABYTES], ratioTo: NATIVE, cases }],
    aims: [],
    notes,
    counts: { frames: computed.length },
    hash: checksum(computed),
  };
}

function inMemory(bare: BareEngine, input: Uint8Array): Codec {
  const compress = bare.resolve("compress");
  const decompress = bare.resolve("decompress");
  const compressedMax = bare.call("compressedBytesMax", CODEC_LZ4, input.length);
  const source = bare.put(input, 0);
  const frame = source + 2 * input.length;
  let frameBytes = 0;
  return {
    name: "rivulet, in WASM memory",
    compress: () => (frameBytes = compress(CODEC_LZ4, source, input.length, frame, compressedMax)),
    decompress: () => decompress(CODEC_LZ4, frame, frameBytes, source, input.length),
    decompressed: () => bare.get(source, input.length),
  };
}

function withCopies(engine: ReturnType<typeof loadEngine>, input: Uint8Array): Codec {
  let frame: Uint8Array = new Uint8Array(0);
  let output: Uint8Array = new Uint8Array(0);
  return {
    name: "rivulet, with the copies",
    compress: () => (frame = engine.compress(CODEC_LZ4, input)).length,
    decompress: () => (output = engine.decompress(CODEC_LZ4, frame, input.length)).length,
    decompressed: () => output,
  };
}

function nativeBlock(lz4: Lz4Blocks, input: Buffer): Codec {
  const block = Buffer.alloc(lz4.encodeBound(input.length));
  const output = Buffer.alloc(input.length);
  let whole = block;
  return {
    name: NATIVE,
    compress: () => {
      const bytes = lz4.encodeBlock(input, block);
      whole = block.subarray(0, bytes);
      return bytes;
    },
    decompress: () => lz4.decodeBlock(whole, output),
    decompressed: () => output,
  };
}

function napiFrame(lz4: Lz4Napi, input: Buffer): Codec {
  let frame: Buffer = Buffer.alloc(0);
  let output: Buffer = Buffer.alloc(0);
  return {
    name: "lz4-napi (Rust)",
    compress: () => (frame = lz4.compressFrameSync(input)).length,
    decompress: () => (output = lz4.decompressFrameSync(frame)).length,
    decompressed: () => output,
  };
}
