/** Runs the seeds that it is given, one after the other, and says where it is: a loop without end is seen from outside. */
import { parentPort, workerData } from "node:worker_threads";
import { type Failure, type Outcomes, runSeed } from "../target.ts";
import { makeTarget } from "../targets.ts";

export interface Orders {
  readonly target: string;
  readonly from: number;
  readonly count: number;
  /** How many are done. */
  readonly progress: Int32Array;
}

export type Report =
  | { readonly type: "ready" }
  | { readonly type: "failure"; readonly failure: Failure }
  | { readonly type: "done"; readonly outcomes: Outcomes };

const { target: name, from, count, progress } = workerData as Orders;
const report = (what: Report): void => parentPort?.postMessage(what);

const target = await makeTarget(name);
report({ type: "ready" });
const outcomes: Outcomes = new Map();
for (let at = 0; at < count; at++) {
  Atomics.store(progress, 0, at);
  const failure = runSeed(target, from + at, outcomes);
  if (failure !== undefined) report({ type: "failure", failure });
}
report({ type: "done", outcomes });
