/** Runs every planted mistake until a seed catches it, and shows which rule did. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bundleSimulator } from "./bundle.mjs";
import { mistakes } from "../mistakes/mistakes.ts";
import { checkPlaces, planting, proofOf, type Mistake } from "../mistakes/mistake.ts";
import { header, range } from "./modes.ts";
import { runSeeds } from "./pool.ts";
import { Progress } from "./progress.ts";
import type { SeedReport } from "./task.ts";

export interface Catch {
  readonly mistake: Mistake;
  /** Undefined: it survived. */
  readonly seed: number | undefined;
  /** The first violation that one of the mistake's rules told. */
  readonly proof: string;
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

/** The product without any mistake: a seed that finds something in it catches nothing. */
export class AsItIs {
  private readonly root: string;
  private readonly reports = new Map<number, Promise<SeedReport>>();
  private script: Promise<string> | undefined;

  constructor(root: string) {
    this.root = root;
  }

  run(seed: number): Promise<SeedReport> {
    const known = this.reports.get(seed) ?? this.runNow(seed);
    this.reports.set(seed, known);
    return known;
  }

  /** Of the seeds that were run, those that found something. */
  async failing(): Promise<SeedReport[]> {
    const all = await Promise.all(this.reports.values());
    return all.filter(({ violations }) => violations.length > 0).toSorted((a, b) => a.seed - b.seed);
  }

  private async runNow(seed: number): Promise<SeedReport> {
    this.script ??= bundleVariant(this.root, undefined);
    const reports: SeedReport[] = [];
    const onReport = (report: SeedReport): boolean => reports.push(report) > 0;
    await runSeeds({ script: await this.script, threads: 1, seeds: [seed], onReport });
    const [report] = reports;
    if (report === undefined) throw new Error(`seed ${seed} has not been run`);
    return report;
  }
}

/**
 * Runs a mistake's seeds on one thread, the one that caught it last and then from 1 on, until its rules find something in one
 * that nothing is found in without the mistake.
 */
async function hunt(root: string, mistake: Mistake, seedsMax: number, asItIs: AsItIs): Promise<Catch> {
  const began = performance.now();
  const script = await bundleVariant(root, mistake);
  const seeds = seedsOf(mistake, seedsMax);
  let run = 0;
  for (;;) {
    const { seed, proof, run: more } = await firstProof(script, mistake, seeds);
    run += more;
    if (seed === undefined || (await asItIs.run(seed)).violations.length === 0)
      return { mistake, seed, proof, seeds: run, tookMs: performance.now() - began };
  }
}

function* seedsOf({ seed }: Mistake, seedsMax: number): Generator<number, void, void> {
  yield seed;
  for (const each of range(1, seedsMax)) if (each !== seed) yield each;
}

interface Proof {
  /** Undefined: no seed was left. */
  readonly seed: number | undefined;
  readonly proof: string;
  readonly run: number;
}

async function firstProof(script: string, mistake: Mistake, left: Iterator<number>): Promise<Proof> {
  let found: Proof = { seed: undefined, proof: "", run: 0 };
  const seeds: Iterable<number> = { [Symbol.iterator]: () => ({ next: () => left.next() }) };
  const onReport = ({ seed, violations }: SeedReport): boolean => {
    const proof = proofOf(mistake, violations);
    found = { seed: proof === undefined ? undefined : seed, proof: proof ?? "", run: found.run + 1 };
    return proof === undefined;
  };
  await runSeeds({ script, threads: 1, seeds, onReport });
  return found;
}

export interface HuntRequest {
  readonly chosen: readonly Mistake[];
  readonly seedsMax: number;
  readonly asItIs: AsItIs;
  /** Hears of each as it ends. */
  readonly onEnd?: (one: Catch) => void;
}

/** Hunts all of them, on all cores. Answers in the order of the mistakes. */
export async function huntAll(
  root: string,
  { chosen, seedsMax, asItIs, onEnd }: HuntRequest,
): Promise<Catch[]> {
  const catches: Catch[] = [];
  const open = chosen.values();
  const lane = async (): Promise<void> => {
    for (const mistake of open) {
      const one = await hunt(root, mistake, seedsMax, asItIs);
      catches.push(one);
      onEnd?.(one);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return catches.toSorted((a, b) => chosen.indexOf(a.mistake) - chosen.indexOf(b.mistake));
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
  const progress = new Progress(chosen.length, "mistakes");
  const asItIs = new AsItIs(root);
  let survived = 0;
  const onEnd = (one: Catch): void => {
    if (one.seed === undefined) survived += 1;
    console.log(row(one));
    progress.step(`${survived} survived`);
  };
  const catches = await huntAll(root, { chosen, seedsMax, asItIs, onEnd });
  const failing = await asItIs.failing();
  progress.end();
  for (const { seed, violations } of failing)
    console.log(`seed ${seed} fails without any mistake, and was passed over: ${violations[0] ?? ""}`);
  const slowest = Math.max(0, ...catches.flatMap(({ seed }) => seed ?? []));
  console.log(`\n${header(root)}`);
  console.log(
    `${catches.length - survived} of ${catches.length} mistakes caught, within ${slowest} seeds; ` +
      `${progress.seconds.toFixed(0)} s on ${availableParallelism()} threads`,
  );
  return survived === 0 && failing.length === 0 ? 0 : 1;
}

function row({ mistake, seed, proof, seeds, tookMs }: Catch): string {
  const where = seed === undefined ? "SURVIVED" : `seed ${seed}`;
  const [line = ""] = proof.split("\n");
  return [
    mistake.name.padEnd(44),
    where.padStart(9),
    `${seeds} run`.padStart(9),
    `${tookMs.toFixed(0)} ms`.padStart(10),
    ` ${line.slice(0, 150)}`,
  ].join(" ");
}
