/**
 * Measures contenders against each other: in interleaved rounds, after warm-up, as median, minimum and maximum. A machine
 * that slows down for a while slows all of them, so ratios hold where absolute figures drift. The order is drawn anew for
 * each round: what a contender leaves behind (garbage, cold caches) is not always the same one's burden. What a contender
 * needs to get ready stands in `prepare`, which is never timed.
 */
import { createRandom, type Random } from "./random.ts";

/** Rounds are shuffled alike in every run. */
const ORDER_SEED = 1;

/** What one round measured, by the name of the metric with its unit: `{ "MB/s": 812 }`. */
export type Sample = Readonly<Record<string, number>>;

/** One way of doing the work. Its round times itself and answers what it measured. */
export interface Contender {
  readonly name: string;
  /** Runs once before the first round, untimed. */
  readonly prepare?: () => void | Promise<void>;
  readonly round: () => Sample | Promise<Sample>;
}

export interface Rounds {
  /** Rounds that are run and thrown away. */
  readonly warmups: number;
  readonly rounds: number;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Result {
  readonly contender: string;
  readonly metrics: Readonly<Record<string, Spread>>;
}

/** Runs all contenders in turn, round by round, and sums up each one's samples. */
export async function interleave(contenders: readonly Contender[], plan: Rounds): Promise<Result[]> {
  const samples = new Map<string, Sample[]>();
  for (const contender of contenders) {
    if (samples.has(contender.name)) throw new Error(`two contenders are named ${contender.name}`);
    samples.set(contender.name, []);
    await contender.prepare?.();
  }
  const random = createRandom(ORDER_SEED);
  for (let round = -plan.warmups; round < plan.rounds; round++) {
    for (const contender of shuffled(contenders, random)) {
      // Native peers free what they made on the event loop's next turn: it must come, and not within a round.
      await nextTurn();
      const sample = await contender.round();
      if (round >= 0) samples.get(contender.name)?.push(sample);
    }
  }
  return [...samples].map(([contender, taken]) => ({ contender, metrics: spreads(taken) }));
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const rest = [...items];
  return items.flatMap(() => rest.splice(random.below(rest.length), 1));
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Sums up samples, of which some may not have measured everything. */
export function spreads(samples: readonly Sample[]): Record<string, Spread> {
  const names = new Set(samples.flatMap((sample) => Object.keys(sample)));
  const byName: Record<string, Spread> = {};
  for (const name of names) byName[name] = spread(samples.flatMap((sample) => sample[name] ?? []));
  return byName;
}

/** Median (the mean of the two in the middle for an even count), minimum and maximum of at least one value. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (upper === undefined || lower === undefined || min === undefined || max === undefined) {
    throw new Error("a spread needs at least one value");
  }
  return { median: (lower + upper) / 2, min, max };
}

/** Median of one contender over the median of another; undefined when either did not run or did not measure it. */
export function ratio(
  results: readonly Result[],
  metric: string,
  of: string,
  to: string,
): number | undefined {
  const medianOf = (name: string): number | undefined =>
    results.find((result) => result.contender === name)?.metrics[metric]?.median;
  const numerator = medianOf(of);
  const denominator = medianOf(to);
  return numerator === undefined || denominator === undefined ? undefined : numerator / denominator;
}

/** A contender that calls `work` in a loop and measures how much it takes in. */
export interface LoopWork {
  readonly name: string;
  /** What one call takes in: bytes, or what `metric` counts. */
  readonly bytes: number;
  readonly work: () => void;
  /** A round goes on for at least this long; how many calls that takes is found out before the first round. */
  readonly roundMs: number;
  /** Millions a second of what `bytes` counts; MB/s (10^6 bytes) when left out. */
  readonly metric?: string;
}

export function loop(
  { name, bytes, work, roundMs, metric = MEGABYTES }: LoopWork,
  now = () => performance.now(),
): Contender {
  let calls = 1;
  const timed = (): number => {
    const begin = now();
    for (let call = 0; call < calls; call++) work();
    return now() - begin;
  };
  return {
    name,
    prepare: () => {
      while (timed() < roundMs) calls *= 2;
    },
    round: () => ({ [metric]: (calls * bytes) / 1000 / timed() }),
  };
}

/** The metric of everything that moves bytes. */
export const MEGABYTES = "MB/s";
