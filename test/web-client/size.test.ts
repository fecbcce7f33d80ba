/**
 * What the SDK weighs in a browser, in bytes as servers send them (minified, brotli at its best). These are bounds that a change
 * must not pass unseen, with hardly any room; the aim is 25 KB for all of it (docs/decisions.md says what was tried).
 * `npm run size` prints the table.
 */
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { ensureBuilt } from "../../gateway/build-if-stale.mjs";
import { brotliByDirectory, fileSize } from "../tools/package-size.ts";
import type { FileSize } from "../tools/package-size.ts";
import { repository } from "./packed.ts";

const dist = join(repository, "web-client/dist");
const isReport = process.env.RIVULET_SIZE_REPORT === "1";

/** Each file that a browser may load, with all that it holds: an app that bundles the SDK leaves out what it does not use. */
const BUDGETS = {
  // Of which 1400 are for noticing that the worker is gone, for another one in its place, and for one from another origin; and
  // 300 for subscriptions that go on there, which take 150 of the worker's.
  // And 1000 for packing what is published in one go, which takes 1400 of the worker's to store it together.
  "browser.js": 13_150,
  "worker.js": 38_700,
  "worker-shared.js": 1900,
  "worker-delivery.js": 6800,
  "worker-replicas.js": 32_850,
  "worker-pending.js": 3950,
  "worker-replica-database.js": 2600,
  "worker-wasm-engine.js": 2600,
  "worker-groups.js": 5450,
  "worker-admin-client.js": 4400,
  "worker-bulk-history.js": 2000,
  "worker-memory-device.js": 1800,
  "engine.wasm": 20_000,
  "engine.plain.wasm": 20_000,
} as const;

type Name = keyof typeof BUDGETS;

/** What is loaded by when; the engine is not counted. */
const STEPS = {
  "connect, subscribe": ["browser.js", "worker.js"],
  "... and publish": ["browser.js", "worker.js", "worker-shared.js", "worker-delivery.js"],
  "... and replicate": [
    "browser.js",
    "worker.js",
    "worker-shared.js",
    "worker-delivery.js",
    "worker-replicas.js",
    "worker-replica-database.js",
    "worker-wasm-engine.js",
  ],
  "all there is": (Object.keys(BUDGETS) as Name[]).filter((name) => name.endsWith(".js")),
} as const satisfies Record<string, readonly Name[]>;

const STEP_BUDGETS: Readonly<Record<keyof typeof STEPS, number>> = {
  "connect, subscribe": 51_800,
  "... and publish": 60_400,
  "... and replicate": 98_300,
  "all there is": 115_600,
};

const sizes = new Map<string, FileSize>();

beforeAll(async () => {
  await ensureBuilt({ log: (text) => console.error(text), wanted: ["client"] });
  for (const name of Object.keys(BUDGETS)) sizes.set(name, await fileSize(join(dist, name)));
  if (isReport) await report();
});

const brotliOf = (name: string): number => sizes.get(name)?.brotli ?? Number.NaN;
const sumOf = (names: readonly string[]): number => names.reduce((sum, name) => sum + brotliOf(name), 0);

async function report(): Promise<void> {
  const line = (name: string, ...figures: readonly (number | string)[]): string =>
    name.padEnd(28) + figures.map((figure) => String(figure).padStart(10)).join("");
  const lines = [line("bytes", "minified", "brotli", "at most")];
  for (const [name, budget] of Object.entries(BUDGETS))
    lines.push(line(name, sizes.get(name)?.bytes ?? 0, brotliOf(name), budget));
  for (const [step, names] of Object.entries(STEPS))
    lines.push(line(step, "", sumOf(names), STEP_BUDGETS[step as keyof typeof STEPS]));
  for (const name of ["browser.js", "worker.js", "worker-replicas.js"]) {
    lines.push("", `${name}, by where it comes from:`);
    for (const [directory, bytes] of await brotliByDirectory(join(dist, name)))
      if (bytes >= 50) lines.push(line(`  ${directory || "(the bundler)"}`, "", Math.round(bytes)));
  }
  console.log(lines.join("\n"));
}

test.each(Object.entries(BUDGETS))("%s is at most %i bytes", (name, budget) => {
  expect(brotliOf(name)).toBeLessThanOrEqual(budget);
});

test.each(Object.entries(STEPS))("what a page loads to %s is bounded", (step, names) => {
  expect(sumOf(names)).toBeLessThanOrEqual(STEP_BUDGETS[step as keyof typeof STEPS]);
});

/** What Vite makes a data URL of, unless it is told otherwise; a page with a strict policy runs no script from one. */
const INLINED_BYTES = 4096;

test.each(Object.keys(BUDGETS))(
  "%s is not so small that a bundler would draw it in as a data URL",
  (name) => {
    expect(sizes.get(name)?.bytes).toBeGreaterThan(INLINED_BYTES);
  },
);
