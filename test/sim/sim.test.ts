/** The same histories on every machine: all promises hold in each of them, and the same seed gives the same one again. */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { bundleVariant } from "./cli/mistakes.ts";
import { range } from "./cli/modes.ts";
import { runSeeds } from "./cli/pool.ts";
import { Summary } from "./cli/summary.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What every run of the tests has time for; `npm run sim -- --seeds 10000` goes on from there. */
const SEEDS = 100;

it(`no promise is broken in seeds 1 to ${SEEDS}, and none of them gives another history the second time`, async () => {
  const summary = new Summary();
  await runSeeds({
    script: await bundleVariant(root, undefined),
    threads: availableParallelism(),
    seeds: range(1, SEEDS),
    twiceEvery: 20,
    onReport: (report) => {
      summary.add(report);
      return true;
    },
  });
  expect(summary.failing()).toBe("");
  expect(summary.seeds).toBe(SEEDS);
  expect(summary.counts.get("gateway: power loss")).toBeGreaterThan(0);
  expect(summary.counts.get("tab: crashed")).toBeGreaterThan(0);
}, 180_000);
