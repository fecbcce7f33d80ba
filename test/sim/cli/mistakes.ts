/** Runs every planted mistake until a seed catches it, and shows which rule did. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bundleSimulator } from "./bundle.mjs";
import { mistakes } from "../mistakes/mistakes.ts";
import { checkPlaces, planting, type Mistake } from "../mistakes/mistake.ts";
import { header, range } from "./modes.ts";
import { runSeeds } from "./pool.ts";
import { Progress } from "./progress.ts";
import type { SeedReport } from "./task.ts";

export interface Catch {
  readonly mistake: Mistake;
  /** Undefined: it survived. */
  readonly seed: number | undefined;
  /** The first violation. */
  readonly rule: string;
  /** Seeds that were run. */
  readonly seeds: number;
  readonly tookMs: number;
}

/** Bundles the product with one mistake, or without; answers the worker's path. */
export async function bundleVariant(root: string, mistake: Mistake | undefined): Promise<string> {
  const outDir = join(root, `build/sim-${mistake?.name ?? "as-it-is"}`);
  const plugins = mistake === undefined ? [] : [planting(root, mistake)];
  await bundleSimulator({ root, outDir, entries: ["worker"], plugins });
  return join(outDir, "worker.js");
}

/** Runs a mistake's seeds, the lowest first, on one thread, until one catches it. */
export async function hunt(root: string, mistake: Mistake, seeds: Iterable<number>): Promise<Catch> {
  const began = performance.now();
  let caught: SeedReport | undefined;
  let run = 0;
  await runSeeds({
    script: await bundleVariant(root, mistake),
    threads: 1,
    seeds,
    onReport: (report) => {
      run += 1;
      if (report.violations.length > 0) caught = report;
      return caught === undefined;
    },
  });
  const rule = caught?.violations[0] ?? "";
  return { mistake, seed: caught?.seed, rule, seeds: run, tookMs: performance.now() - began };
}

/** The seeds that find something in the product as it is: what they catch is not the mistake. */
export async function failingAsIs(
  root: string,
  seeds: Iterable<number>,
  threads: number,
): Promise<SeedReport[]> {
  const failing: SeedReport[] = [];
  await runSeeds({
    script: await bundleVariant(root, undefined),
    threads,
    seeds,
    onReport: (report) => {
      if (report.violations.length > 0) failing.push(report);
      return true;
    },
  });
  return failing;
}

export interface MistakesRequest {
  /** A part of the name of those that are run; all when left out. */
  readonly only: string | undefined;
  readonly seedsMax: number;
}

/** Prints a table of who was caught. Answers the exit code: 0 when nobody survived. */
export async function runMistakes(root: string, { only = "", seedsMax }: MistakesRequest): Promise<number> {
  const chosen = mistakes.filter(({ name }) => name.includes(only));
  if (chosen.length === 0) throw new Error(`no planted mistake is named ${only}`);
  for (const mistake of chosen) checkPlaces(root, mistake);
  const threads = Math.min(availableParallelism(), chosen.length);
  const progress = new Progress(chosen.length, "mistakes");
  const catches: Catch[] = [];
  const open = chosen.values();
  await Promise.all(
    Array.from({ length: threads }, async () => {
      for (const mistake of open) {
        catches.push(await hunt(root, mistake, range(1, seedsMax)));
        progress.step(`${catches.filter(({ seed }) => seed === undefined).length} survived`);
      }
    }),
  );
  const caughtAt = new Set(catches.flatMap(({ seed }) => seed ?? []));
  const failing = await failingAsIs(root, caughtAt, threads);
  progress.end();
  catches.sort((a, b) => chosen.indexOf(a.mistake) - chosen.indexOf(b.mistake));
  for (const line of catches.map(row)) console.log(line);
  for (const { seed, violations } of failing)
    console.log(`seed ${seed} fails without any mistake, and catches nothing: ${violations[0] ?? ""}`);
  const survivors = catches.filter(({ seed }) => seed === undefined);
  console.log(`\n${header(root)}`);
  console.log(
    `${catches.length - survivors.length} of ${catches.length} mistakes caught, within ${Math.max(0, ...caughtAt)} seeds; ` +
      `${progress.seconds.toFixed(0)} s on ${threads} threads`,
  );
  return survivors.length === 0 && failing.length === 0 ? 0 : 1;
}

function row({ mistake, seed, rule, seeds, tookMs }: Catch): string {
  const where = seed === undefined ? "SURVIVED" : `seed ${seed}`;
  const [line = ""] = rule.split("\n");
  return [
    mistake.name.padEnd(44),
    where.padStart(9),
    `${seeds} run`.padStart(9),
    `${tookMs.toFixed(0)} ms`.padStart(10),
    ` ${line.slice(0, 150)}`,
  ].join(" ");
}
