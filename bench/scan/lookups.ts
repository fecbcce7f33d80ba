/** Many lookups in large indexes that are in memory: together, one by one, and by the best binary searches of JavaScript. */
import { OFFSET_INDEX_ENTRY_BYTES, SLACK_BYTES, TIME_INDEX_ENTRY_BYTES } from "../../engine-as/format.ts";
import { SHORT_ROUNDS, type BenchSettings, type Mode } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { loadBareEngine, type BareEngine } from "../engine.ts";
import { interleave, loop, ratio, type Result } from "../harness.ts";
import { createRandom } from "../random.ts";
import { barAndAim } from "../report.ts";
import * as javascript from "./javascript-search.ts";
import type { Part } from "./part.ts";

const LOOKUPS = "million lookups/s";
const TOGETHER = "rivulet, together";
const ONE_BY_ONE = "rivulet, one by one";
const ENTRIES: Readonly<Record<Mode, number>> = { full: 1_000_000, small: 5000 };
const TARGETS = 4096;
const EPOCH_MS = 1_767_600_000_000;

interface Lookups {
  readonly name: "offsets" | "times";
  readonly index: Uint8Array;
  /** Little-endian, as the engine takes them. */
  readonly targets: Int32Array | BigInt64Array;
  readonly one: (bare: BareEngine, index: number, entries: number) => (target: number) => number;
  readonly searches: Readonly<Record<string, (index: DataView, target: number) => number>>;
}

export async function measureLookups(settings: BenchSettings): Promise<Part> {
  const { rounds, warmups, roundMs } = SHORT_ROUNDS[settings.mode];
  const entries = ENTRIES[settings.mode];
  const found: Uint8Array[] = [];
  const cases: { name: string; results: Result[] }[] = [];
  for (const lookups of [offsetLookups(settings.seed, entries), timeLookups(settings.seed, entries)]) {
    const ways = waysOf(settings.root, lookups, entries);
    const [together] = ways;
    const expected = together?.run() ?? new Int32Array(0);
    found.push(new Uint8Array(expected.buffer));
    const contenders = ways.map(({ name, run }) => {
      if (checksum([new Uint8Array(run().buffer)]) !== checksum(found.slice(-1)))
        throw new Error(`${name} finds other ${lookups.name} than the engine together`);
      return loop({ name, bytes: TARGETS, roundMs, metric: LOOKUPS, work: () => void run() });
    });
    cases.push({ name: lookups.name, results: await interleave(contenders, { rounds, warmups }) });
  }
  const aims = cases.flatMap(({ name, results }) => {
    const ratios = results
      .filter(({ contender }) => contender.startsWith("JavaScript"))
      .map(({ contender }) => ratio(results, LOOKUPS, TOGETHER, contender) ?? Number.NaN);
    const what = `lookups of ${name} together among ${entries} entries, times the best in JavaScript`;
    return barAndAim(what, [3, 4.5], Math.min(...ratios));
  });
  return {
    table: { title: `lookups among ${entries} entries`, metrics: [LOOKUPS], ratioTo: "JavaScript", cases },
    aims,
    counts: { lookups: 2 * TARGETS },
    hash: checksum(found),
  };
}

/** Each takes all targets and answers all results, in an array that the next run uses again. */
function waysOf(
  root: string,
  { name, index, targets, one, searches }: Lookups,
  entries: number,
): { name: string; run: () => Int32Array }[] {
  const bare = loadBareEngine(root, index.length + targets.byteLength + 4 * TARGETS + 3 * SLACK_BYTES);
  const indexAt = bare.put(index, 0);
  const targetBytes = new Uint8Array(targets.buffer, targets.byteOffset, targets.byteLength);
  const targetsAt = bare.put(targetBytes, index.length + SLACK_BYTES);
  const resultsAt = targetsAt + targets.byteLength + SLACK_BYTES;
  const lookupAll = bare.resolve(name === "offsets" ? "lookupOffsets" : "lookupTimes");
  const lookupOne = one(bare, indexAt, entries);
  const numbers = Float64Array.from(targets, Number);
  const results = new Int32Array(TARGETS);
  const forEach = (lookup: (target: number) => number): Int32Array => {
    for (let each = 0; each < TARGETS; each++) results[each] = lookup(numbers[each] ?? 0);
    return results;
  };
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  return [
    {
      name: TOGETHER,
      run: () => {
        lookupAll(indexAt, entries, targetsAt, TARGETS, resultsAt);
        return new Int32Array(bare.get(resultsAt, 4 * TARGETS).buffer);
      },
    },
    { name: ONE_BY_ONE, run: () => forEach(lookupOne) },
    ...Object.entries(searches).map(([search, run]) => ({
      name: search,
      run: () => forEach((target) => run(view, target)),
    })),
  ];
}

function offsetLookups(seed: number, entries: number): Lookups {
  const random = createRandom(seed);
  const index = new DataView(new ArrayBuffer(entries * OFFSET_INDEX_ENTRY_BYTES));
  let offset = 0;
  for (let entry = 0; entry < entries; entry++) {
    offset += 1 + random.below(60);
    index.setInt32(entry * OFFSET_INDEX_ENTRY_BYTES, offset);
    index.setInt32(entry * OFFSET_INDEX_ENTRY_BYTES + 4, entry * 1000);
  }
  return {
    name: "offsets",
    index: new Uint8Array(index.buffer),
    targets: Int32Array.from({ length: TARGETS }, () => random.below(offset + 100)),
    one: (bare, at, count) => {
      const lookup = bare.resolve("lookupOffset");
      return (target) => lookup(at, count, target);
    },
    searches: { JavaScript: javascript.searchOffset, "JavaScript, no branches": javascript.stepToOffset },
  };
}

function timeLookups(seed: number, entries: number): Lookups {
  const random = createRandom(seed);
  const index = new DataView(new ArrayBuffer(entries * TIME_INDEX_ENTRY_BYTES));
  let timeMs = EPOCH_MS;
  for (let entry = 0; entry < entries; entry++) {
    timeMs += 1 + random.below(60);
    index.setBigInt64(entry * TIME_INDEX_ENTRY_BYTES, BigInt(timeMs));
    index.setInt32(entry * TIME_INDEX_ENTRY_BYTES + 8, entry * 1000);
  }
  const wanted = Array.from({ length: TARGETS }, () => EPOCH_MS + random.below(timeMs - EPOCH_MS + 100));
  return {
    name: "times",
    index: new Uint8Array(index.buffer),
    targets: BigInt64Array.from(wanted, BigInt),
    one: (bare, at, count) => {
      const lookup = bare.resolve("lookupTime") as unknown as (...args: (number | bigint)[]) => number;
      return (target) => lookup(at, count, BigInt(target));
    },
    searches: { JavaScript: javascript.searchTime, "JavaScript, no branches": javascript.stepToTime },
  };
}
