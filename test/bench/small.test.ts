/** Every bench in its small mode, with real servers in processes of their own, so that none can rot. Counts and hashes only. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BenchSettings } from "../../bench/bench.ts";
import { benches } from "../../bench/benches.ts";
import { bundleBenches } from "../../bench/bundle.mjs";
import type { BenchReport } from "../../bench/report.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const settings: BenchSettings = { mode: "small", seed: 20_260_105, root, scripts: "" };

interface Expectation {
  /** Those that were left out, for want of a build for this machine, included. */
  readonly contenders: number | ((table: string) => number);
  readonly cases: number;
  readonly counts: Record<string, number>;
  readonly hash: string;
}

/** What each computes from this seed. */
const expected: Record<string, Expectation> = {
  crc32c: { contenders: 3, cases: 4, counts: { checksums: 4 }, hash: "3b103e6faefb" },
  codecs: {
    // The compiled peers stay away. There is none but them that compresses Zstandard.
    contenders: (table) => (table.startsWith("Zstandard, compress") ? 2 : 3),
    cases: 48,
    counts: { inputs: 6 },
    hash: "79f9cf9f6c7f",
  },
  scan: {
    contenders: (table) => (table.startsWith("lookups") ? 4 : 2),
    cases: 4,
    counts: { batches: 246, lookups: 8192, "records in a fetched batch": 1000 },
    hash: "8225113c5656",
  },
  produce: { contenders: 4, cases: 1, counts: { records: 11_088 }, hash: "1f6b9d562d0f" },
  "idle-fetch": {
    contenders: 2,
    cases: 1,
    counts: { partitions: 20, "partitions that a session's polls named": 0 },
    hash: "e527ca471f15",
  },
  "consumer-groups": {
    contenders: (table) => (table === "heartbeats" ? 2 : 3),
    cases: 2,
    counts: { members: 10, partitions: 40 },
    hash: "e2a207563b33",
  },
  "fan-out": { contenders: 6, cases: 2, counts: { deliveries: 2040 }, hash: "2ad822b579e5" },
  stalled: {
    contenders: 2,
    cases: 1,
    counts: { "stalled subscribers that got everything": 4, "records each": 9632 },
    hash: "08b73fb425a8",
  },
  upkeep: {
    contenders: 3,
    cases: 1,
    counts: { "records beside": 2000, "topics looked after": 2 },
    hash: "a0dc820cee7e",
  },
  many: {
    contenders: 1,
    cases: 8,
    counts: { partitions: 40, connections: 40 },
    hash: "d20ab87dc7e2",
  },
  "tab-sync": { contenders: 4, cases: 1, counts: { records: 2016 }, hash: "46fbdc82e240" },
  "on-device": {
    contenders: (table) => (table.endsWith("strict") ? 6 : 4),
    cases: 3,
    counts: { records: 1000, published: 200 },
    hash: "ddc25c453d29",
  },
  render: { contenders: 2, cases: 2, counts: { records: 50 }, hash: "644ce8f25b1b" },
  "sdk-start": { contenders: 5, cases: 1, counts: { records: 1 }, hash: "15c39b23c6e3" },
};

/** CPU time is read from /proc. */
function measurable(metrics: readonly string[]): string[] {
  return metrics.filter((metric) => process.platform === "linux" || !metric.includes("CPU"));
}

describe("small benches", () => {
  let scripts = "";
  beforeAll(async () => {
    // Below the project, where the bundles find its packages.
    scripts = await mkdtemp(join(root, "build/bench-small-"));
    await bundleBenches(scripts);
  }, 180_000);
  afterAll(() => rm(scripts, { recursive: true, force: true }));

  it("has an expectation for each bench", () => expect(Object.keys(expected)).toEqual(Object.keys(benches)));

  it.each(Object.entries(benches))(
    "%s computes what it should and measures every contender",
    async (name, bench) => {
      const report: BenchReport = await bench({ ...settings, scripts });
      const leftOut = report.notes.filter((note) => note.includes("left out"));
      if (report.tables.length === 0) {
        expect(leftOut).not.toEqual([]);
        console.warn(`not run: ${name}: ${leftOut.join("; ")}`);
        return;
      }
      const wanted = expected[name];
      expect(report.counts).toEqual(wanted?.counts);
      expect(report.hash).toBe(wanted?.hash);
      expect(report.tables.flatMap((table) => table.cases)).toHaveLength(wanted?.cases ?? 0);
      for (const { title, metrics, cases } of report.tables) {
        const contenders =
          typeof wanted?.contenders === "function" ? wanted.contenders(title) : (wanted?.contenders ?? 0);
        for (const { results } of cases) {
          // A bench of several parts leaves a peer out of some of them only.
          if (leftOut.length === 0) expect(results, title).toHaveLength(contenders);
          expect(results.length + leftOut.length, title).toBeGreaterThanOrEqual(contenders);
          for (const result of results)
            expect(Object.keys(result.metrics)).toEqual(expect.arrayContaining(measurable(metrics)));
        }
      }
      // What it should reach depends on the machine, and is no matter of a test.
      expect(report.aims).toEqual([]);
    },
  );
});
