/**
 * `npm run bench [-- [option ...] [bench ...]]`, as bundled and started by `run.mjs`: runs the benches that are named, or
 * all, prints one page and writes the same as JSON under `bench/results/`. Options: `--small`; `--seed <number>`; `--only
 * <text>`, given more than once if need be, leaves out the parts of a bench whose names do not have that text; `--rounds
 * <number>`. Of the last two only `kafka` knows.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { BenchSettings } from "./bench.ts";
import { benches, onlyWhenNamed } from "./benches.ts";
import { describeMachine, formatMachine } from "./machine.ts";
import { formatReports, type BenchReport } from "./report.ts";

const SEED = 20_260_105;
const COMPARED = [
  "uWebSockets.js",
  "ws",
  "socket.io",
  "lz4-napi",
  "snappy",
  "fzstd",
  "@node-rs/crc32",
  "dexie",
  "pouchdb-browser",
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: "boolean" },
    seed: { type: "string" },
    only: { type: "string", multiple: true },
    rounds: { type: "string" },
  },
});
// Whoever has started this is gone: nobody waits for what would be measured.
process.once("disconnect", () => process.exit(1));
const scripts = dirname(fileURLToPath(import.meta.url));
const settings: BenchSettings = {
  mode: values.small === true || process.env.RIVULET_BENCH === "small" ? "small" : "full",
  seed: Number(values.seed ?? SEED),
  only: values.only ?? [],
  ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
  root: join(scripts, "../.."),
  scripts,
};

const all = { ...benches, ...onlyWhenNamed };
const unknown = positionals.filter((name) => all[name] === undefined);
if (unknown.length > 0 || !Number.isInteger(settings.seed) || !((settings.rounds ?? 1) >= 1)) {
  const known = Object.keys(all).join(", ");
  console.error(
    `usage: npm run bench -- [--small] [--seed <integer>] [--only <text>] [--rounds <number>] [${known}]; unknown: ${unknown.join(", ")}`,
  );
  process.exit(1);
}

const began = performance.now();
const reports: BenchReport[] = [];
for (const [name, bench] of Object.entries(all)) {
  const isWanted = positionals.length === 0 ? benches[name] !== undefined : positionals.includes(name);
  if (!isWanted) continue;
  process.stderr.write(`bench: ${name}\n`);
  reports.push(await bench(settings));
}
const machine = {
  ...describeMachine(settings.root, COMPARED),
  compiled: describeMachine(join(settings.root, "bench/native"), ["sse4_crc32", "lz4", "zstd-napi"]).versions,
};
const seconds = Math.round((performance.now() - began) / 1000);
const page = [
  `rivulet bench: ${settings.mode} mode, seed ${settings.seed}, ${seconds} s; medians, in brackets times the first peer's`,
  formatMachine(machine),
  formatReports(reports),
].join("\n");
console.log(page);

const results = join(settings.root, "bench/results");
mkdirSync(results, { recursive: true });
const date = new Date().toISOString();
const file = join(results, `${date.replaceAll(":", "-")}.json`);
writeFileSync(file, `${JSON.stringify({ date, ...settings, machine, reports }, undefined, 2)}\n`);
console.log(`\nwritten to ${file}`);
process.exit(0);
