/**
 * What a topic's log does not keep, by its settings: what is too old or too much (`retention.ms`, `retention.bytes`), and what
 * compaction takes. What a seed has of it is drawn from a stream of chance of its own.
 */
import type { Random } from "./kernel/random.ts";

export interface Keeping {
  /** Settings of the topic, by Kafka's names. */
  readonly configs: ReadonlyMap<string, string>;
  /** undefined: no record is too old. Nobody counts on it after the run: it is taken back when all is calm. */
  readonly retentionMs: number | undefined;
  /** undefined: there is never too much. */
  readonly retentionBytes: number | undefined;
  /** undefined: it is not compacted. */
  readonly compaction: CompactionKeeping | undefined;
}

export interface CompactionKeeping {
  readonly minLagMs: number;
  /** How long a tombstone is there at least. */
  readonly deleteRetentionMs: number;
  /** Share of the records that delete their keys. */
  readonly tombstoneRate: number;
  /** Nobody is away for longer than tombstones stay: else a replica would have to begin anew. */
  readonly mayBeReplicated: boolean;
}

/** Longer than any run. */
const FOR_EVER_MS = 24 * 3_600_000;

/** Of a run in which some device keeps topics, or reads them: what only they have trouble with is left out. */
export interface KeepingSurroundings {
  readonly hasDevices: boolean;
}

/** Settings of the node: how often it looks for what is to go, and how fast it compacts. */
export function keepingSettings(random: Random): (readonly [string, string])[] {
  return [
    ["log.initial.task.delay.ms", String(random.pick([0, 1000]))],
    ["log.retention.check.interval.ms", String(random.pick([1000, 2000]))],
    ["log.cleaner.backoff.ms", String(random.pick([100, 500, 1500]))],
    ["log.cleaner.io.max.bytes.per.second", String(random.pick([30_000, 200_000, 10_000_000]))],
  ];
}

/** What one topic does not keep; undefined: it keeps everything. */
export function keepingOf(random: Random, surroundings: KeepingSurroundings): Keeping | undefined {
  const draw = random.next();
  if (draw < 0.1) return undefined;
  if (draw < 0.25) return deleting(random, random.pick([1500, 3000, 6000]), undefined);
  if (draw < 0.4) return deleting(random, undefined, random.pick([4000, 20_000]));
  return compacting(random, draw > 0.9 ? random.pick([4000, 9000]) : undefined, surroundings);
}

function deleting(
  random: Random,
  retentionMs: number | undefined,
  retentionBytes: number | undefined,
): Keeping {
  const configs = new Map([...segments(random), ["cleanup.policy", "delete"]]);
  configs.set("retention.ms", String(retentionMs ?? -1));
  configs.set("retention.bytes", String(retentionBytes ?? -1));
  return { configs, retentionMs, retentionBytes, compaction: undefined };
}

function compacting(
  random: Random,
  retentionMs: number | undefined,
  { hasDevices }: KeepingSurroundings,
): Keeping {
  const minLagMs = random.pick([0, 0, 1000, 4000]);
  const maxLagMs = random.chance(0.3) ? Math.max(minLagMs, random.pick([1000, 5000])) : undefined;
  const deleteRetentionMs = random.pick([0, 500, 2000, FOR_EVER_MS]);
  // A reader that is told of records alone does not get to the end of a log whose last ones are gone.
  const tombstoneRate = hasDevices && maxLagMs !== undefined ? 0 : random.pick([0.1, 0.4]);
  const configs = new Map([
    ...segments(random),
    ["cleanup.policy", retentionMs === undefined ? "compact" : "compact,delete"],
    ["retention.ms", String(retentionMs ?? -1)],
    ["min.cleanable.dirty.ratio", String(random.pick([0, 0, 0.3]))],
    ["min.compaction.lag.ms", String(minLagMs)],
    ["delete.retention.ms", String(deleteRetentionMs)],
  ]);
  if (maxLagMs !== undefined) configs.set("max.compaction.lag.ms", String(maxLagMs));
  const mayBeReplicated = deleteRetentionMs === FOR_EVER_MS;
  const compaction = { minLagMs, deleteRetentionMs, tombstoneRate, mayBeReplicated };
  return { configs, retentionMs, retentionBytes: undefined, compaction };
}

function segments(random: Random): [string, string][] {
  const configs: [string, string][] = [
    ["segment.bytes", String(random.pick([1024, 2048, 4096]))],
    ["file.delete.delay.ms", String(random.pick([0, 1000, 4000]))],
  ];
  if (random.chance(0.5)) configs.push(["segment.ms", String(random.pick([300, 2000]))]);
  return configs;
}
