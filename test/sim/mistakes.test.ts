/** The planted mistakes: all have their place in the product as it is, and the simulator catches them. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { AsItIs, huntAll } from "./cli/mistakes.ts";
import { checkPlaces } from "./mistakes/mistake.ts";
import { mistakes } from "./mistakes/mistakes.ts";
import { QUICK, QUICK_SEEDS } from "./mistakes/quick.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("the list", () => {
  it("has at least 30 mistakes, each with a name of its own", () => {
    expect(mistakes.length).toBeGreaterThanOrEqual(30);
    expect(new Set(mistakes.map(({ name }) => name)).size).toBe(mistakes.length);
  });

  it.each(mistakes)("$name stands in the product's text", (mistake) => {
    checkPlaces(root, mistake);
    for (const { find, replace } of mistake.edits) expect(replace).not.toBe(find);
  });

  it("has those that are caught quickly", () => {
    const names = new Set(mistakes.map(({ name }) => name));
    expect(QUICK.filter((name) => !names.has(name))).toEqual([]);
  });
});

// `npm run sim -- --mistakes` runs all of them, with as many seeds as it takes.
it(`each of the quick ones is caught within ${QUICK_SEEDS} seeds, by seeds that find nothing without it`, async () => {
  const chosen = mistakes.filter(({ name }) => QUICK.includes(name));
  const asItIs = new AsItIs(root);
  const catches = await huntAll(root, { chosen, seedsMax: QUICK_SEEDS, asItIs });
  expect(catches).toHaveLength(QUICK.length);
  expect(catches.filter(({ seed }) => seed === undefined).map(({ mistake }) => mistake.name)).toEqual([]);
  expect((await asItIs.failing()).map(({ seed, violations }) => `seed ${seed}: ${violations[0]}`)).toEqual(
    [],
  );
}, 180_000);
