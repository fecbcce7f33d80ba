/** How much is going on: records a second by topic, and how long this page's own records took, over the last minutes. */
import { signal, type ReadonlySignal } from "@preact/signals";
import type { TopicSummary } from "../index.ts";

/** Points of a line over time: seconds since the epoch, ascending, and a value for each; null: nobody knows. */
export interface Series {
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
}

export const EMPTY_SERIES: Series = { times: [], values: [] };
/** Ten minutes at a point every two seconds. */
const POINTS_MAX = 300;

/** The series with one more point, without what is too old. */
export function appended({ times, values }: Series, timeMs: number, value: number | null): Series {
  const first = Math.max(0, times.length + 1 - POINTS_MAX);
  return { times: [...times.slice(first), timeMs / 1000], values: [...values.slice(first), value] };
}

export interface Activity {
  /** Records a second at the end of each topic, by name. */
  readonly rates: ReadonlySignal<ReadonlyMap<string, Series>>;
  /** Milliseconds from `publish` to `delivered`, of what this page has published. */
  readonly deliveries: ReadonlySignal<Series>;
  /** Takes the ends of all topics as they were told at this time. */
  noteEnds(topics: readonly TopicSummary[], nowMs: number): void;
  noteDelivery(tookMs: number, nowMs: number): void;
}

interface Ends {
  readonly atMs: number;
  readonly end: bigint;
}

export function createActivity(): Activity {
  const rates = signal<ReadonlyMap<string, Series>>(new Map());
  const deliveries = signal(EMPTY_SERIES);
  let ends = new Map<string, Ends>();

  return {
    rates,
    deliveries,
    noteEnds(topics, nowMs) {
      const nextEnds = new Map<string, Ends>();
      const next = new Map<string, Series>();
      for (const { id, name, partitions } of topics) {
        const end = partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0n);
        // A topic that was made again is another one.
        const before = ends.get(id);
        nextEnds.set(id, { atMs: nowMs, end });
        const series = before === undefined ? EMPTY_SERIES : (rates.peek().get(name) ?? EMPTY_SERIES);
        const rate = before === undefined ? null : perSecond(before, { atMs: nowMs, end });
        next.set(name, appended(series, nowMs, rate));
      }
      ends = nextEnds;
      rates.value = next;
    },
    noteDelivery(tookMs, nowMs) {
      deliveries.value = appended(deliveries.peek(), nowMs, tookMs);
    },
  };
}

function perSecond(before: Ends, now: Ends): number | null {
  const seconds = (now.atMs - before.atMs) / 1000;
  return seconds <= 0 || now.end < before.end ? null : Number(now.end - before.end) / seconds;
}

/** The last value; undefined where there is none. */
export function latestOf(series: Series | undefined): number | undefined {
  return series?.values.at(-1) ?? undefined;
}
