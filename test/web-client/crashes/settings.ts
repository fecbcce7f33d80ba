/** How much a run does, and what repeats it: `npm run crashes -- --kills 200 --seed 7` sets the same variables. */
import { test } from "vitest";
import { Random } from "../../sim/kernel/random.ts";
import { browserKind } from "../../tools/browser.ts";

/** Drawn anew where it is not given, and printed. */
export const SEED = Number(process.env.RIVULET_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** How much dies in the long run of everything at once. */
export const KILLS = Number(process.env.RIVULET_KILLS ?? 6);
/** How often the tab that leads ten dies. */
export const TAKEOVERS = Number(process.env.RIVULET_TAKEOVERS ?? 3);
/** All of it. Firefox has but some of it with all the other tests, and all with `npm run crashes -- --browser firefox`. */
export const IS_WHOLE = browserKind === "chromium" || process.env.RIVULET_KILLS !== undefined;

type Test = (name: string, work: () => Promise<void>, timeoutMs?: number) => void;
const not: Test = () => undefined;
/** What is run where all is. */
export const ofAll: Test = IS_WHOLE ? test : not;
export const ofChromium: Test = browserKind === "chromium" ? test : not;

/** All of these where all is run, else so many that are drawn. */
export function some<T>(from: readonly T[], count: number): readonly T[] {
  if (IS_WHOLE) return from;
  const random = new Random(SEED);
  const left = [...from];
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)).flat();
}
