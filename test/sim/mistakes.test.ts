/** The planted mistakes: all have their place in the product as it is, and the simulator catches them by the rules that hold what they break. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { AsItIs, huntAll } from "./cli/mistakes.ts";
import { checkPlaces, proofOf } from "./mistakes/mistake.ts";
import { mistakes } from "./mistakes/mistakes.ts";
import { ruleThatTells } from "./mistakes/rules.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Those that so few seeds catch are hunted in every run of the tests; `npm run sim -- --mistakes` hunts all. */
const QUICK_SEED_MAX = 12;
/** Where the product has changed, and with it the histories, the noted seed may find nothing: then so many others may. */
const SEEDS_MAX = 40;

/** Those that whoever builds such a log is warned of first. */
const FIRST = [
  "acknowledge-before-sync",
  "acknowledged-when-written",
  "served-above-the-high-watermark",
  "length-trusted-in-recovery",
  "appended-after-a-torn-tail",
  "epoch-bump-forgotten",
  "sequence-reused",
  "batch-sealed-twice",
  "outbox-transaction-dropped",
  "range-check-skipped",
  "fence-forgotten-after-a-failed-sync",
];

const quick = mistakes.filter(({ seed }) => seed <= QUICK_SEED_MAX);

describe("the list", () => {
  it("has at least 40 mistakes, each with a name of its own, and 25 of them are caught quickly", () => {
    expect(mistakes.length).toBeGreaterThanOrEqual(40);
    expect(quick.length).toBeGreaterThanOrEqual(25);
    expect(new Set(mistakes.map(({ name }) => name)).size).toBe(mistakes.length);
  });

  it.each(FIRST)("has %s", (name) => expect(mistakes.map((mistake) => mistake.name)).toContain(name));

  it.each(mistakes)("$name stands in the product's text", (mistake) => {
    checkPlaces(root, mistake);
    for (const { find, replace } of mistake.edits) expect(replace).not.toBe(find);
    expect(mistake.caughtBy).not.toEqual([]);
  });
});

describe("a catch", () => {
  const mistake = {
    name: "m",
    breaks: "",
    caughtBy: ["nothing is twice", "readers get on"],
    seed: 1,
    edits: [],
  } as const;

  it.each([
    ["nothing is twice: kafka-1:3 stands 2 times", "nothing is twice"],
    ["consumer-1 still waits after everything was healed: orders-0 ends at 9, it is at 4", "readers get on"],
  ])("counts when one of the mistake's rules tells it: %s", (violation, rule) => {
    expect(ruleThatTells(violation)).toBe(rule);
    expect(proofOf(mistake, ["an event threw: Error", violation])).toBe(violation);
  });

  it.each([
    "acknowledged is durable: kafka-1:3 is lost",
    "the gateway does not serve all of its partitions after everything was healed",
    "the seed did not come to an end within 60 s of wall time",
    "the run threw: Error: nothing is twice: ",
  ])("does not count otherwise: %s", (violation) => expect(proofOf(mistake, [violation])).toBeUndefined());
});

it(`each of the ${quick.length} quick ones is caught, by seeds that find nothing without it`, async () => {
  const asItIs = new AsItIs(root);
  const catches = await huntAll(root, { chosen: quick, seedsMax: SEEDS_MAX, asItIs });
  expect(catches).toHaveLength(quick.length);
  expect(catches.filter(({ seed }) => seed === undefined).map(({ mistake }) => mistake.name)).toEqual([]);
  expect((await asItIs.failing()).map(({ seed, violations }) => `seed ${seed}: ${violations[0]}`)).toEqual(
    [],
  );
}, 600_000);
