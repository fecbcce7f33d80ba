/** `npm run fuzz`, as bundled and started by `run.mjs`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { Random } from "../../engine/random.ts";
import type { Failure, Outcomes } from "../target.ts";
import { makeTarget, targetNames } from "../targets.ts";
import type { Orders, Report } from "./worker.ts";

const USAGE = `usage: npm run fuzz -- --target <${targetNames.join("|")}> [--seed <n>] [--count <n>]
       runs the inputs of <count> seeds from <seed> on; one with --count 1, which is how a finding is replayed`;

const here = dirname(fileURLToPath(import.meta.url));
/** Bytes of findings, as hex. */
const findings = join(here, "../fuzz");
/** A call that takes longer than this never ends. */
const HANG_MS = 20_000;
const LOOK_MS = 500;
/** After so many findings it is enough for one run. */
const FINDINGS_MAX = 20;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { target: { type: "string" }, seed: { type: "string" }, count: { type: "string" } },
  });
  const { target } = values;
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const count = Number(values.count ?? 100_000);
  const isNumber = (number: number): boolean => Number.isSafeInteger(number) && number >= 0;
  if (target === undefined || !targetNames.includes(target) || !isNumber(seed) || !isNumber(count)) {
    console.error(USAGE);
    return 1;
  }
  console.log(`${target}: ${count} inputs from seed ${seed} on`);
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const failed = await work({ target, from: seed, count, progress });
  console.log(failed === 0 ? "nothing found" : `${failed} findings`);
  return failed === 0 ? 0 : 1;
}

/** Has the seeds run in a thread, and watches it; answers how many findings there were. */
function work(orders: Orders): Promise<number> {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: orders });
  let failed = 0;
  let began = performance.now();
  return new Promise((resolve, reject) => {
    let last = { at: -1, since: performance.now() };
    const watch = setInterval(() => {
      const at = Atomics.load(orders.progress, 0);
      if (at !== last.at) last = { at, since: performance.now() };
      else if (performance.now() - last.since > HANG_MS) void hangs(orders, at).then(() => end(failed + 1));
    }, LOOK_MS);
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, () => {
        console.log(`  stopped after ${Atomics.load(orders.progress, 0)}`);
        end(failed);
      });
    }
    const end = (result: number): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve(result);
    };
    worker.on("message", (report: Report) => {
      if (report.type === "ready") began = performance.now();
      else if (report.type === "done") {
        tell(report.outcomes, performance.now() - began);
        end(failed);
      } else {
        keep(orders.target, report.failure);
        if (++failed >= FINDINGS_MAX) end(failed);
      }
    });
    worker.once("error", (error) => {
      clearInterval(watch);
      reject(error);
    });
  });
}

async function hangs({ target, from }: Orders, at: number): Promise<void> {
  const made = await makeTarget(target);
  const seed = from + at;
  const bytes = made.bytesOf(made.draw(new Random(seed)));
  keep(target, { seed, message: `does not end within ${HANG_MS} ms`, bytes });
}

function keep(target: string, { seed, message, bytes }: Failure): void {
  const path = join(findings, `${target}-${seed}.hex`);
  mkdirSync(findings, { recursive: true });
  writeFileSync(path, `${Buffer.from(bytes).toString("hex")}\n`);
  console.log(
    `${message}\n  ${bytes.length} bytes in ${path}\n  npm run fuzz -- --target ${target} --seed ${seed} --count 1`,
  );
}

function tell(outcomes: Outcomes, tookMs: number): void {
  const total = [...outcomes.values()].reduce((sum, each) => sum + each, 0);
  for (const [outcome, times] of [...outcomes].toSorted(([, a], [, b]) => b - a)) {
    console.log(`  ${String(times).padStart(9)} ${outcome}`);
  }
  console.log(
    `  ${String(total).padStart(9)} in ${(tookMs / 1000).toFixed(1)} s: ${Math.round((total / tookMs) * 1000)} a second`,
  );
}
