/** `npm run soak`, as bundled and started by `run.mjs`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine, formatMachine } from "../../../bench/machine.ts";
import { root } from "../../gateway/spawn-gateway.ts";
import { Random } from "../../sim/kernel/random.ts";
import { soak } from "../soak.ts";
import { heading, row, summary } from "../table.ts";

const USAGE = `usage: npm run soak -- [--minutes <n>] [--seed <n>] [--rate <records a second into each partition>]`;
const MINUTE_MS = 60_000;
/** The last life is the longest, so that it shows whether anything grows. */
const LAST_SHARE = 0.3;
const KILLS_MAX = 12;
const ROWS = 40;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: "string" }, seed: { type: "string" }, rate: { type: "string" } },
  });
  const minutes = Number(values.minutes ?? 10);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const recordsPerSecond = Number(values.rate ?? 150);
  if (!(minutes > 0) || !Number.isInteger(seed) || !(recordsPerSecond > 0)) {
    console.error(USAGE);
    return 1;
  }
  console.log(`soak: ${minutes} minutes, seed ${seed}, ${recordsPerSecond} records/s into each partition`);
  console.log(formatMachine(describeMachine(root, ["uWebSockets.js"])));
  const lengths = lifeLengths(minutes * MINUTE_MS, new Random(seed));
  const directory = await mkdtemp(join(tmpdir(), "rivulet-soak-"));
  try {
    console.log(heading);
    const report = await soak({
      seed,
      directory,
      recordsPerSecond,
      lives: lengths.length,
      isOver: (life, ranMs) => ranMs >= (lengths[life] ?? 0),
      sampleMs: Math.max(1000, (minutes * MINUTE_MS) / ROWS),
      sampled: (sample) => console.log(row(sample)),
    });
    console.log(summary(report));
    return 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** How long each life lasts, in milliseconds: a kill a minute or so, and not too many of them. */
function lifeLengths(wholeMs: number, random: Random): number[] {
  const kills = Math.min(KILLS_MAX, Math.max(2, Math.round(wholeMs / MINUTE_MS)));
  const shares = Array.from({ length: kills }, () => random.between(50, 150));
  const sum = shares.reduce((total, share) => total + share, 0);
  const restMs = wholeMs * (1 - LAST_SHARE);
  return [...shares.map((share) => (restMs * share) / sum), wholeMs * LAST_SHARE];
}
