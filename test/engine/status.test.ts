/** Every status that the engine answers, and every way to it, by name: status-ways.ts has the ways. */
import { describe, expect, test } from "vitest";
import { SCAN_STATE_BYTES } from "../../engine-as/format.ts";
import * as status from "../../engine-as/status.ts";
import { GuardedMemory } from "./guarded.ts";
import { engineKinds, loadExports } from "./load.ts";
import { soundWays, type Way, ways } from "./status-ways.ts";

const CODES = new Map(Object.entries(status));

describe.each(engineKinds)("a status, %s build", (kind) => {
  const memory = new GuardedMemory(loadExports(kind), 100_000);

  /** Calls with pointers for bytes and rooms; sees that nothing else was written. */
  function answer([name, , ...values]: Way): number {
    const laid = values.filter((value) => typeof value === "object");
    const inputs = laid.map((value) => (value instanceof Uint8Array ? value : value.room));
    const regions = memory.lay(...inputs);
    const pointers = regions.map((region) => region.at);
    const call = (memory.exports as unknown as Record<string, (...values: (number | bigint)[]) => number>)[
      name
    ];
    const result = call?.(
      ...values.map((value) => (typeof value === "object" ? (pointers.shift() ?? 0) : value)),
    );
    // A scan writes what it answers into its state.
    const judged =
      name === "scanSegment" && result !== status.BAD_ARGUMENT
        ? inputs.map((each, at) => (at === 0 ? SCAN_STATE_BYTES : each))
        : inputs;
    expect(memory.isUntouched(regions, judged), "wrote outside").toBe(true);
    return result ?? Number.NaN;
  }

  describe.each(Object.entries(ways))("%s", (name, each) => {
    test.each(each.map((way): [string, string, Way] => [way[0], way[1], way]))(
      "is what %s answers to %s",
      (_, __, way) => {
        expect(answer(way)).toBe(CODES.get(name));
      },
    );
  });

  test("is OK or more for all that is sound", () => {
    for (const way of soundWays) expect(answer(way), way[1]).toBeGreaterThanOrEqual(status.OK);
  });
});

test("every status has its ways", () => {
  expect(Object.keys(ways).toSorted()).toEqual(
    Object.keys(status)
      .filter((name) => name !== "OK")
      .toSorted(),
  );
});
