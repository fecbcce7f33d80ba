/** One seed as a story, or many as a table. */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { describeMachine, formatMachine } from "../../../bench/machine.ts";
import { missing, SEEDS_FOR_ALL } from "./must-happen.ts";
import { runSeeds } from "./pool.ts";
import { Progress } from "./progress.ts";
import { Summary } from "./summary.ts";

export interface Place {
  /** The top of the clone. */
  readonly root: string;
  /** The bundled `worker.ts`. */
  readonly script: string;
}

/** Replays one history and prints it. Answers the exit code. */
export async function replay({ script }: Place, seed: number): Promise<number> {
  let exitCode = 1;
  await runSeeds({
    script,
    threads: 1,
    seeds: [seed],
    tell: (line) => console.log(line),
    onReport: (report) => {
      const summary = new Summary();
      summary.add(report);
      console.log(`\n${summary.exercised()}\n`);
      for (const violation of report.violations) console.log(`VIOLATION: ${violation}`);
      const seconds = (report.simulatedMs / 1000).toFixed(1);
      console.log(
        `seed ${seed}: ${report.violations.length === 0 ? "all is well" : `${report.violations.length} violations`}, ` +
          `digest ${report.digest}, ${report.events} events in ${seconds} simulated seconds, ${report.tookMs.toFixed(0)} ms`,
      );
      exitCode = report.violations.length === 0 ? 0 : 1;
      return true;
    },
  });
  return exitCode;
}

export interface ManySeeds {
  readonly from: number;
  readonly count: number;
  /** Every so many seeds one runs twice, and must be the same history; 0: none does. */
  readonly twiceEvery: number;
}

/** Runs many histories on all cores and prints what they came to. Answers the exit code. */
export async function many(place: Place, { from, count, twiceEvery }: ManySeeds): Promise<number> {
  const threads = Math.min(availableParallelism(), count);
  const summary = new Summary();
  const progress = new Progress(count, "seeds");
  await runSeeds({
    script: place.script,
    threads,
    seeds: range(from, count),
    twiceEvery,
    onReport: (report) => {
      summary.add(report);
      const [violation] = report.violations;
      if (violation !== undefined) progress.say(`seed ${report.seed}: ${violation.split("\n", 1)[0]}`);
      progress.step(`${summary.failed} failed`);
      return true;
    },
  });
  progress.end();
  const notExercised = count >= SEEDS_FOR_ALL ? missing(summary.counts) : [];
  console.log(`${summary.exercised()}\n`);
  if (summary.failed > 0) console.log(`${summary.failing()}\n`);
  for (const what of notExercised) console.log(`never happened: ${what}`);
  console.log(header(place.root));
  const { seeds, events, simulatedMs, tookMs, slowest } = summary;
  console.log(
    `seeds ${from} to ${from + count - 1}: ${summary.failed} of ${seeds} failed; ${events.toLocaleString("en")} events in ` +
      `${(simulatedMs / 3_600_000).toFixed(1)} simulated hours; ${progress.seconds.toFixed(0)} s on ${threads} threads, ` +
      `${(tookMs / Math.max(seeds, 1)).toFixed(0)} ms a seed, the slowest ${slowest?.tookMs.toFixed(0) ?? 0} ms (seed ${slowest?.seed ?? from})`,
  );
  return summary.failed === 0 && notExercised.length === 0 ? 0 : 1;
}

export function* range(from: number, count: number): Generator<number> {
  for (let seed = from; seed < from + count; seed++) yield seed;
}

/** On what, and of what, it ran. */
export function header(root: string): string {
  return `${formatMachine(describeMachine(root, ["fake-indexeddb", "idb"]))}\ncommit ${commitOf(root)}`;
}

function commitOf(root: string): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return `${git("rev-parse", "--short=12", "HEAD")}${git("status", "--porcelain") === "" ? "" : ", with changes"}`;
  } catch {
    return "unknown: this is not a git clone";
  }
}
