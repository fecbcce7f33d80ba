/** Whatever a seed does, the runner goes on with the next one and says what it was. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleSimulator } from "./bundle.mjs";
import { missing, MUST_HAPPEN } from "./must-happen.ts";
import { range } from "./modes.ts";
import { runSeeds } from "./pool.ts";
import { ruleOf, Summary } from "./summary.ts";
import type { SeedReport } from "./task.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const outDir = join(root, "build/sim-runner-test");
const standIn = join(root, "test/sim/cli/broken-simulation.ts");

beforeAll(async () => {
  const plugin = {
    name: "a simulation that goes wrong",
    enforce: "pre" as const,
    resolveId: (id: string) => (id === "../simulation.ts" ? standIn : null),
  };
  await bundleSimulator({ root, outDir, entries: ["worker"], plugins: [plugin] });
});
afterAll(() => rm(outDir, { recursive: true, force: true }));

async function reportsOf(seeds: Iterable<number>, twiceEvery = 0): Promise<Map<number, SeedReport>> {
  const reports = new Map<number, SeedReport>();
  await runSeeds({
    script: join(outDir, "worker.js"),
    threads: 2,
    seeds,
    twiceEvery,
    seedMsMax: 1500,
    onReport: (report) => {
      reports.set(report.seed, report);
      return true;
    },
  });
  return reports;
}

describe("a seed that goes wrong", () => {
  let reports = new Map<number, SeedReport>();
  beforeAll(async () => {
    reports = await reportsOf(range(1, 20));
  }, 60_000);

  it.each([
    [1, "a promise was broken"],
    [2, "the run threw: Error: thrown"],
    [3, "a rejection that nobody handled: Error: stray"],
    [4, "an exception that nobody caught: Error: uncaught"],
    [5, "the thread ended with code 3"],
    [6, "the seed did not come to an end within "],
    [8, "Date.now was taken from the air at "],
    [9, "new Date() was taken from the air at "],
    [10, "Math.random was taken from the air at "],
    [11, "setTimeout was taken from the air at "],
    [12, "performance.now was taken from the air at "],
    [13, "crypto.getRandomValues was taken from the air at "],
  ])("seed %i: %s", (seed, violation) => {
    const violations = reports.get(seed)?.violations ?? [];
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(violation);
  });

  it("names the line of the source", () =>
    expect(reports.get(8)?.violations[0]).toMatch(/broken-simulation\.ts:\d+:\d+/));

  it("leaves all other seeds alone", () => {
    expect(reports.size).toBe(20);
    for (const seed of [7, ...range(14, 7)]) {
      expect(reports.get(seed)).toMatchObject({ violations: [], events: 1, simulatedMs: 1000 });
      expect(reports.get(seed)?.counts.get("runner: seed")).toBe(1);
    }
  });
});

it("a seed whose second run is another history is told", async () => {
  const reports = await reportsOf([7, 15], 1);
  expect(reports.get(7)?.violations[0]).toMatch(/^the seed gave another history when it ran again: /);
  expect(reports.get(15)?.violations).toEqual([]);
});

it("a seed's story is told line by line", async () => {
  const lines: string[] = [];
  const tell = (line: string): void => void lines.push(line);
  await runSeeds({ script: join(outDir, "worker.js"), threads: 1, seeds: [15], tell, onReport: () => true });
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(/^ {7}1\.000 {2}seed +one millisecond later$/);
});

it("no more seeds are begun when somebody has had enough", async () => {
  const seeds: number[] = [];
  await runSeeds({
    script: join(outDir, "worker.js"),
    threads: 1,
    seeds: range(14, 100),
    onReport: ({ seed }) => {
      seeds.push(seed);
      return seed < 17;
    },
  });
  expect(seeds).toEqual([14, 15, 16, 17]);
});

describe("the summary", () => {
  const report = (seed: number, violations: string[]): SeedReport => ({
    seed,
    violations,
    counts: new Map([["disk: torn write", 2]]),
    digest: "",
    events: 10,
    simulatedMs: 1000,
    tookMs: seed,
  });

  it("puts failures of one kind together, by the lowest seed", () => {
    const summary = new Summary();
    summary.add(report(9, ["offset 17 of orders-0 was read twice"]));
    summary.add(report(4, ["offset 3 of orders-0 was read twice", "and more"]));
    summary.add(report(5, []));
    expect(summary.failed).toBe(2);
    expect(summary.failing()).toBe(
      "2 seeds (4, 9): offset 3 of orders-0 was read twice\n  replay: npm run sim -- --seed 4",
    );
    expect(summary.slowest?.seed).toBe(9);
    expect(summary.exercised()).toMatch(/^disk\n {2}torn write +6$/);
  });

  it("takes ids and numbers for what they are", () =>
    expect(ruleOf("AAECAwQFBgcICQoLDA0ODw-2: offset 5\n    at somewhere")).toBe("<id>-#: offset #"));

  it("tells what must happen and has not", () => {
    const [first = "", ...others] = MUST_HAPPEN;
    expect(missing(new Map([[first, 1]]))).toEqual(others);
  });
});
