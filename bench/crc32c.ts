/** CRC32C: the engine on bytes that are in WASM memory, and with the copy, against the processor's own instruction. */
import { SHORT_ROUNDS, type BenchSettings } from "./bench.ts";
import { checksum } from "./checksum.ts";
import { clickStreamBytes } from "./click-stream.ts";
import { loadBareEngine, loadEngine } from "./engine.ts";
import { interleave, loop, MEGABYTES, ratio, type Result } from "./harness.ts";
import { loadNativePeer } from "./native-peers.ts";
import { barAndAim, type BarAndAim, type BenchReport } from "./report.ts";

const KIB = 1024;
const sizes = { "1 KiB": KIB, "4 KiB": 4 * KIB, "64 KiB": 64 * KIB, "1 MiB": 1024 * KIB };
const IN_MEMORY = "rivulet, in WASM memory";
const WITH_COPY = "rivulet, with the copy";

/** How many times as fast as `sse4_crc32` the engine must at least be on bytes in WASM memory, and what it should reach. */
const barsAndAims: Readonly<Record<string, BarAndAim>> = {
  "1 MiB": [1.5, 2],
  "64 KiB": [1, 1.4],
  "4 KiB": [0.45, 0.55],
};

export async function crc32cBench(settings: BenchSettings): Promise<BenchReport> {
  const { rounds, warmups, roundMs } = SHORT_ROUNDS[settings.mode];
  const notes: string[] = [];
  const sse4 = loadNativePeer("sse4_crc32", settings, notes);
  const nodeRs = loadNativePeer("@node-rs/crc32", settings, notes);
  const engine = loadEngine(settings.root);
  const bare = loadBareEngine(settings.root, sizes["1 MiB"]);
  const inMemory = bare.resolve("crc32c");
  const computed: number[] = [];
  const cases: { name: string; results: Result[] }[] = [];

  for (const [name, bytes] of Object.entries(sizes)) {
    const data = Buffer.from(clickStreamBytes(settings.seed, bytes).buffer);
    const address = bare.put(data, 0);
    const ways: Record<string, (() => number) | undefined> = {
      [IN_MEMORY]: () => inMemory(address, bytes, 0) >>> 0,
      [WITH_COPY]: () => engine.crc32c(data),
      sse4_crc32: sse4 && (() => sse4.calculate(data)),
      "@node-rs/crc32": nodeRs && (() => nodeRs.crc32c(data)),
    };
    const crc = engine.crc32c(data);
    computed.push(crc);
    const contenders = Object.entries(ways).flatMap(([way, work]) => {
      if (work === undefined) return [];
      if (work() >>> 0 !== crc) throw new Error(`${way} computes another CRC32C of ${name} than the engine`);
      return [loop({ name: way, bytes, work, roundMs })];
    });
    cases.push({ name, results: await interleave(contenders, { rounds, warmups }) });
  }

  const aims = Object.entries(barsAndAims).flatMap(([size, bounds]) => {
    const results = cases.find((each) => each.name === size)?.results ?? [];
    const value = ratio(results, MEGABYTES, IN_MEMORY, "sse4_crc32");
    return barAndAim(`CRC32C of ${size} in WASM memory, times sse4_crc32`, bounds, value);
  });
  return {
    name: "CRC32C",
    tables: [{ title: "CRC32C", metrics: [MEGABYTES], ratioTo: "sse4_crc32", cases }],
    aims: settings.mode === "full" ? aims : [],
    notes,
    counts: { checksums: computed.length },
    hash: checksum(computed),
  };
}
