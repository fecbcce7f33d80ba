/** What Rivulet should reach against Kafka, and whether it does. */
import { MEGABYTES, ratio, type Result } from "../harness.ts";
import type { Aim, TableCase } from "../report.ts";
import { P99 } from "./turns.ts";

const THROUGHPUT_BAR = 1;
const THROUGHPUT_AIM = 1.5;
const P99_BAR = 1.2;
const START_BAR = 0.1;
const MEMORY_BAR = 0.25;

export interface Contest {
  readonly title: string;
  /** Names of contenders: Rivulet, and what it is held against. */
  readonly of: string;
  readonly to: string;
}

/** At least level in every cell; the aim is for their geometric mean. */
export function judgeThroughput({ title, of, to }: Contest, cases: readonly TableCase[]): Aim[] {
  if (cases.length === 0) return [];
  const ratios = cases.map(({ results }) => ratio(results, MEGABYTES, of, to) ?? Number.NaN);
  const bars = cases.map(({ name }, at): Aim => {
    const what = `bar: ${title}, ${name}, times Kafka`;
    return { what, sense: "at least", bound: THROUGHPUT_BAR, value: ratios[at] };
  });
  const mean = Math.exp(ratios.reduce((sum, value) => sum + Math.log(value), 0) / ratios.length);
  const what = `aim: ${title}, geometric mean, times Kafka`;
  return [...bars, { what, sense: "at least", bound: THROUGHPUT_AIM, value: mean }];
}

export function judgeLatency({ title, of, to }: Contest, cases: readonly TableCase[]): Aim[] {
  return cases.map(({ name, results }) => ({
    what: `bar: ${title}, ${name}, p99, times Kafka`,
    sense: "at most",
    bound: P99_BAR,
    value: ratio(results, P99, of, to),
  }));
}

/** The names of the metrics are handed in: seconds from start to first answer, and resident memory. */
export function judgeFootprint(
  processes: readonly Result[],
  { start, memory }: { readonly start: string; readonly memory: readonly string[] },
): Aim[] {
  const bar = (metric: string, bound: number): Aim => ({
    what: `bar: ${metric}, times Kafka`,
    sense: "at most",
    bound,
    value: ratio(processes, metric, "Rivulet", "Kafka"),
  });
  return [bar(start, START_BAR), ...memory.map((metric) => bar(metric, MEMORY_BAR))];
}
