/**
 * Kafka's four codecs, both ways: the engine in WASM memory and with its copies, in Kafka's framing, against each codec's
 * native library at its fastest level.
 */
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD } from "../../engine-as/format.ts";
import type { BenchSettings, Mode } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { loadBareEngine, loadEngine } from "../engine.ts";
import { interleave, loop, MEGABYTES, spread, type Result, type Rounds } from "../harness.ts";
import type { Aim, BenchReport, Table, TableCase } from "../report.ts";
import { judge, SMALLER, type Bars, type Measured } from "./bars.ts";
import {
  inMemory,
  lz4InC,
  lz4InRust,
  MEMORY_BYTES,
  snappyInRust,
  withCopies,
  zlib,
  zstdInC,
  zstdInJavaScript,
  type Contestant,
  type Work,
} from "./contestants.ts";
import { INPUTS_NOTE, makeInputs, SIZES, type Input } from "./inputs.ts";

const ROUNDS: Readonly<Record<Mode, Rounds & { roundMs: number }>> = {
  full: { warmups: 4, rounds: 25, roundMs: 3 },
  small: { warmups: 0, rounds: 1, roundMs: 0 },
};
const SMALL_SIZES: readonly string[] = ["1 KiB", "64 KiB"];

interface Codec {
  readonly name: string;
  readonly codec: number;
  /** The first one is what the engine is measured against, and writes what is decompressed. */
  readonly peers: (settings: BenchSettings, notes: string[]) => Contestant[];
  readonly bars: Bars;
}

const CODECS: readonly Codec[] = [
  {
    name: "LZ4",
    codec: CODEC_LZ4,
    peers: (settings, notes) => [...lz4InC(settings, notes), ...lz4InRust(settings, notes)],
    bars: {
      native: "lz4 (C)",
      compress: [0.85],
      decompress: [0.85],
      smaller: [0.97, 1.03],
    },
  },
  {
    name: "Snappy",
    codec: CODEC_SNAPPY,
    peers: snappyInRust,
    bars: { native: "snappy (Rust)", compress: [0.9, 1.2], decompress: [0.9, 1.5], smaller: [0.97, 1.03] },
  },
  {
    name: "gzip",
    codec: CODEC_GZIP,
    peers: () => [zlib],
    bars: { native: zlib.name, compress: [0.7, 1], decompress: [0.7, 1], smaller: [0.97, 1.03] },
  },
  {
    name: "Zstandard",
    codec: CODEC_ZSTD,
    peers: (settings, notes) => [...zstdInC(settings, notes), ...zstdInJavaScript(settings, notes)],
    bars: {
      native: "zstd-napi (C), level 1",
      compress: [0.4, 0.6],
      decompress: [0.5, 0.75],
      smaller: [0.85, 0.95],
      other: { name: "fzstd", decompress: [3] },
    },
  },
];

export async function codecsBench(settings: BenchSettings): Promise<BenchReport> {
  const notes = [INPUTS_NOTE];
  const tables: Table[] = [];
  const aims: Aim[] = [];
  const bare = loadBareEngine(settings.root, MEMORY_BYTES);
  const engine = loadEngine(settings.root);
  const inputs = makeInputs(settings.root, settings.seed);
  for (const { name, codec, peers, bars } of CODECS) {
    const contestants = [inMemory(bare, codec), withCopies(engine, codec), ...peers(settings, notes)];
    const measured: Measured[] = [];
    for (const way of ["compress", "decompress"] as const) {
      for (const input of inputs) {
        const cases: TableCase[] = [];
        for (const size of sizesOf(settings.mode)) {
          const results = await measure(way, contestants, input, size, settings.mode);
          cases.push({ name: size, results });
          measured.push({ way, input: input.name, size, results });
        }
        const metrics = way === "compress" ? [MEGABYTES, SMALLER] : [MEGABYTES];
        tables.push({ title: `${name}, ${way} ${input.name}`, metrics, ratioTo: bars.native, cases });
      }
    }
    if (settings.mode === "full") aims.push(...judge(name, bars, measured));
  }
  return {
    name: "codecs",
    tables,
    aims,
    notes,
    counts: { inputs: inputs.length * sizesOf(settings.mode).length },
    hash: checksum(inputs.map((input) => input.bytes)),
  };
}

function sizesOf(mode: Mode): readonly string[] {
  return mode === "full" ? Object.keys(SIZES) : SMALL_SIZES;
}

async function measure(
  way: "compress" | "decompress",
  contestants: readonly Contestant[],
  input: Input,
  size: string,
  mode: Mode,
): Promise<Result[]> {
  const bytes = SIZES[size] ?? 0;
  const source = input.bytes.subarray(0, bytes);
  const { roundMs, ...rounds } = ROUNDS[mode];
  const compressed = way === "compress" ? source : nativelyCompressed(contestants, source);
  const works = contestants.flatMap(({ name, compressor, decompressor }) => {
    const work = way === "compress" ? compressor?.(source) : decompressor?.(compressed, bytes);
    return work === undefined ? [] : [{ name, work }];
  });
  const outputs = works.map(({ name, work }) => {
    const contestant = contestants.find((each) => each.name === name);
    return { name, bytes: checkedOutput(contestant, way, work, source) };
  });
  const contenders = works.map(({ name, work }) =>
    loop({ name, bytes, roundMs, work: () => void work.run() }),
  );
  const results = await interleave(contenders, rounds);
  if (way === "decompress") return results;
  return results.map((result, index) => {
    const times = bytes / (outputs[index]?.bytes ?? Number.NaN);
    return { ...result, metrics: { ...result.metrics, [SMALLER]: spread([times]) } };
  });
}

/** What the first library makes of the input, the engine's own where none can write. */
function nativelyCompressed(contestants: readonly Contestant[], source: Buffer): Buffer {
  const [writer = contestants[0]] = contestants.slice(2).filter((each) => each.compressor !== undefined);
  const work = writer?.compressor?.(source);
  if (work === undefined) throw new Error("nobody can compress");
  work.run();
  return Buffer.from(Uint8Array.from(work.output()).buffer);
}

/** Runs the work once: its output must be, or give back, the source. Answers how many bytes it is. */
function checkedOutput(
  contestant: Contestant | undefined,
  way: "compress" | "decompress",
  work: Work,
  source: Buffer,
): number {
  const size = work.run();
  if (size < 0) throw new Error(`${contestant?.name} answers ${size} (${way}, ${source.length} bytes)`);
  let output = work.output();
  if (way === "compress" && contestant?.decompressor !== undefined) {
    const reader = contestant.decompressor(Buffer.from(output), source.length);
    reader.run();
    output = reader.output();
  }
  if (!source.equals(output)) {
    throw new Error(
      `${contestant?.name} does not give back what was compressed (${way}, ${source.length} bytes)`,
    );
  }
  return size;
}
