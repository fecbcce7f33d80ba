/** The planted mistakes: all have their place in the product as it is, and the simulator catches them. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkPlaces } from "./mistakes/mistake.ts";
import { mistakes } from "./mistakes/mistakes.ts";

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
});
