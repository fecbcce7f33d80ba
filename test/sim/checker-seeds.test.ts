/** The checker on many histories that nobody has written down: those of a log that keeps its promises, and what is made of them. */
import { describe, expect, test } from "vitest";
import { check } from "./checker/check.ts";
import type { HistoryDraft } from "./checker/draft.ts";
import { Model, RELAXED } from "./checker/model.ts";
import { mutations } from "./checker/mutations.ts";
import { Random } from "./kernel/random.ts";

const SEEDS = 150;
const STEPS = 150;

function historyOf(seed: number): HistoryDraft {
  return new Model(new Random(seed)).run(STEPS);
}

function judge(history: HistoryDraft): string[] {
  return check(history, { relaxedTopics: RELAXED });
}

test("histories of a log that keeps its promises pass", () => {
  const broken: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++)
    for (const words of judge(historyOf(seed))) broken.push(`seed ${seed}: ${words}`);
  expect(broken).toEqual([]);
});

describe("each single lie is found", () => {
  test.each([...mutations])("%s", (_name, mutate) => {
    let applied = 0;
    const missed: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const history = historyOf(seed);
      const what = mutate(history, new Random(seed));
      if (what === undefined) continue;
      applied += 1;
      if (judge(history).length === 0) missed.push(`seed ${seed}: ${what}`);
    }
    expect(missed).toEqual([]);
    expect(applied).toBeGreaterThan(SEEDS / 10);
  });
});
