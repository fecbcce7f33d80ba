/** A thread of the runner: runs one seed after the other, and reports whatever becomes of it. */
import { setMaxListeners } from "node:events";
import { parentPort } from "node:worker_threads";
import { simulate } from "../simulation.ts";
import { type FromWorker, type SeedReport, type Task, textOf } from "./task.ts";
import { putUpTripwires } from "./tripwires.ts";

const port = parentPort;
if (port === null) throw new Error("this is the runner's thread: start test/sim/run.mjs");

const say = (message: FromWorker): void => port.postMessage(message);

// Node warns of more than ten listeners to one signal, which browsers do not: a page with many readers has them.
setMaxListeners(0);

/** What went wrong outside of the run's own promises, while it ran. */
let stray: string[] = [];

process.on(
  "uncaughtException",
  (error) => void stray.push(`an exception that nobody caught: ${textOf(error)}`),
);
process.on(
  "unhandledRejection",
  (reason) => void stray.push(`a rejection that nobody handled: ${textOf(reason)}`),
);

// Taken before a run replaces them.
const { setImmediate, performance } = globalThis;
const now = performance.now.bind(performance);

async function run({ seed, tells, twice }: Task): Promise<SeedReport> {
  const first = await runOnce(seed, tells ? (line) => say({ kind: "line", line }) : undefined);
  if (!twice) return first;
  const second = await runOnce(seed, undefined);
  if (second.digest === first.digest && second.events === first.events) return first;
  const differs =
    `the seed gave another history when it ran again: ${first.digest} after ${first.events} events, ` +
    `then ${second.digest} after ${second.events}`;
  return { ...first, violations: [...first.violations, differs] };
}

async function runOnce(seed: number, tell: ((line: string) => void) | undefined): Promise<SeedReport> {
  stray = [];
  const began = now();
  const takeDown = putUpTripwires((what, where) => stray.push(`${what} was taken from the air ${where}`));
  let result: Omit<SeedReport, "seed" | "tookMs">;
  try {
    result = await simulate(seed, tell);
    // Rejections that nobody handled are told of after the turn that they came in.
    await new Promise((resolve) => setImmediate(resolve));
  } catch (error) {
    const violations = [`the run threw: ${textOf(error)}`];
    result = { violations, counts: new Map(), digest: "", events: 0, simulatedMs: 0 };
  } finally {
    takeDown();
  }
  const { counts, digest, events, simulatedMs } = result;
  const violations = [...result.violations, ...stray];
  return { seed, violations, counts, digest, events, simulatedMs, tookMs: now() - began };
}

port.on("message", (task: Task) => {
  void run(task).then((report) => say({ kind: "report", report }));
});
say({ kind: "ready" });
