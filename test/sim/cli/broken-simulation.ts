/** Stands in for the simulation in the runner's own test: each seed goes wrong in another way. */
import type { Outcome } from "../simulation.ts";
import { World } from "../kernel/world.ts";

let runs = 0;

const WAYS: Readonly<Record<number, (world: World) => void>> = {
  1: (world) => world.trace.violation("a promise was broken"),
  2: () => {
    throw new Error("thrown");
  },
  3: () => void Promise.reject(new Error("stray")),
  4: () =>
    process.nextTick(() => {
      throw new Error("uncaught");
    }),
  5: () => process.exit(3),
  6: () => {
    for (;;);
  },
  7: (world) => world.trace.say("run", String(++runs)),
  8: (world) => world.trace.say("now", String(Date.now())),
  9: (world) => world.trace.say("now", new Date().toISOString()),
  10: (world) => world.trace.say("chance", String(Math.random())),
  11: (world) => world.trace.say("timer", String(setTimeout(() => {}, 0).hasRef())),
  12: (world) => world.trace.say("time", String(performance.now())),
  13: (world) => world.trace.say("chance", String(crypto.getRandomValues(new Uint8Array(1)))),
  14: (world) => world.trace.say("a date that is given", new Date(0).toISOString()),
};

export async function simulate(seed: number, tell?: (line: string) => void): Promise<Outcome> {
  const world = new World(seed, tell);
  world.trace.count("runner: seed");
  world.trace.say("seed", String(seed));
  world.after(1, () => world.trace.say("seed", "one millisecond later"));
  WAYS[seed]?.(world);
  await world.runUntil(() => false, 1000);
  const { trace, events, nowMs } = world;
  return {
    seed,
    violations: trace.violations,
    counts: trace.counts,
    digest: trace.digest,
    events,
    simulatedMs: nowMs,
  };
}
