/** When the crowd's requests are sent, and how long they take. */
import { build as buildHistogram, type Histogram } from "hdr-histogram-js";
import { setTimeout } from "node:timers/promises";

/** In milliseconds. */
export interface LatencySummary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

export class Latencies {
  private readonly histogram: Histogram = buildHistogram({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });

  /** Takes the time from `beganMs`, of `performance.now()`, to now. */
  since(beganMs: number): void {
    this.histogram.recordValue(Math.max(1, Math.round((performance.now() - beganMs) * 1000)));
  }

  summary(): LatencySummary {
    const at = (percent: number): number => this.histogram.getValueAtPercentile(percent) / 1000;
    return { p50: at(50), p99: at(99), max: at(100), count: this.histogram.totalCount };
  }
}

/**
 * Starts `count` calls at a steady pace, whether those before are done or not, and waits for all. A call that could not
 * start in time learns when it was due, so that what a busy server delays is not left out.
 */
export async function paced(
  count: number,
  perSecond: number,
  call: (at: number, dueMs: number) => Promise<void>,
): Promise<void> {
  const begin = performance.now();
  const calls: Promise<void>[] = [];
  for (let at = 0; at < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - begin) / 1000) * perSecond) + 1);
    for (; at < due; at++) calls.push(call(at, begin + (at * 1000) / perSecond));
    await setTimeout(1);
  }
  await Promise.all(calls);
}

/** Runs `count` calls, so many at a time; each is told its number and which of those at a time it is. */
export async function inParallel(
  count: number,
  atOnce: number,
  call: (at: number, worker: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (_: unknown, worker: number): Promise<void> => {
    while (next < count) await call(next++, worker);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work));
}
