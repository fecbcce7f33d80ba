import { describe, expect, test } from "vitest";
import { type Outcomes, runSeed, type Target, Finding } from "./target.ts";
import { makeTarget, targetNames } from "./targets.ts";

/** Bounded: `npm run fuzz` runs as many as one likes. */
const RUN_MS = 1800;
const SEED = 1;

describe("inputs that were damaged by somebody who knows the format", () => {
  test.each(targetNames)(
    "%s: neither trap, nor write outside, nor mean something else than to others",
    async (name) => {
      const target = await makeTarget(name);
      const outcomes: Outcomes = new Map();
      const end = performance.now() + RUN_MS;
      let seed = SEED;
      for (; seed < SEED + 200 || performance.now() < end; seed++) {
        const failure = runSeed(target, seed, outcomes);
        if (failure !== undefined)
          expect.fail(`${failure.message}: npm run fuzz -- --target ${name} --seed ${seed} --count 1`);
      }
      // Sound and unsound ones were met.
      expect([...outcomes.values()].reduce((sum, count) => sum + count, 0)).toBe(seed - SEED);
      expect(outcomes.size).toBeGreaterThan(1);
    },
  );

  test("a finding is told with its seed and its bytes, and so is a trap", () => {
    const target = (judge: () => string): Target => ({
      draw: () => undefined,
      judge,
      bytesOf: () => Uint8Array.of(7),
    });
    const failing = (error: Error): Target =>
      target(() => {
        throw error;
      });
    expect(
      runSeed(
        target(() => "sound"),
        5,
        new Map(),
      ),
    ).toBeUndefined();
    const found = { seed: 5, bytes: Uint8Array.of(7) };
    expect(runSeed(failing(new Finding("other bytes")), 5, new Map())).toEqual({
      ...found,
      message: "Finding: other bytes",
    });
    expect(runSeed(failing(new WebAssembly.RuntimeError("unreachable")), 5, new Map())).toEqual({
      ...found,
      message: "RuntimeError: unreachable",
    });
  });
});
