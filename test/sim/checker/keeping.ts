/** Rules: retention takes what is due, and nothing else, and in the end it has taken it. */
import type { LogStart } from "../history.ts";
import type { Ledger } from "./ledger.ts";
import type { PartitionStory } from "./partition-story.ts";
import type { Noted } from "./record-story.ts";
import { time } from "./words.ts";

/** Clocks tell whole milliseconds. */
const GRAIN_MS = 2;

/**
 * A log begins later only where somebody has asked for it, where what is left is not less than `retention.bytes`, or where all
 * that has gone was older than `retention.ms`.
 */
export function* retentionTakesWhatIsDue(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions()) {
    let from = 0;
    for (const moved of partition.startMoves) {
      const why = whyNot(ledger, partition, from, moved);
      from = Math.max(from, Number(moved.event.to));
      if (why !== undefined)
        yield `${partition.name} begins at ${moved.event.to} since ${time(moved.event.atMs)}: ${why}`;
    }
  }
}

function whyNot(
  ledger: Ledger,
  partition: PartitionStory,
  from: number,
  { event, at }: Noted<LogStart>,
): string | undefined {
  const { to, leftBytes, atMs } = event;
  if (Number(to) <= partition.askedFor(at)) return undefined;
  const { retentionMs, retentionBytes } = ledger.keeping(partition) ?? {};
  if (retentionBytes !== undefined && (leftBytes ?? Infinity) >= retentionBytes) return undefined;
  if (retentionMs === undefined)
    return retentionBytes === undefined
      ? `nobody has asked for it`
      : `${leftBytes} bytes are left, and ${retentionBytes} are to be kept`;
  for (const { offset, story } of partition.placed(ledger.record)) {
    const published = story.published?.event;
    if (offset < from || offset >= Number(to) || published === undefined || !ledger.isOnTime(story)) continue;
    const ageMs = atMs - published.atMs;
    // What compaction had taken before does not count any more.
    if (ledger.firstOwed(partition, offset, offset + 1, { at, atMs }) === undefined) continue;
    if (ageMs + GRAIN_MS < retentionMs)
      return `${story.id} at offset ${offset} was ${ageMs.toFixed(0)} ms old, and ${retentionMs} ms are to be kept`;
  }
  return undefined;
}

/** After healing: of no log is more left than its `retention.bytes` leave. */
export function* retentionIsDone(ledger: Ledger): Generator<string, void, void> {
  for (const { name, final } of ledger.partitions()) {
    const { bytes = 0, beforeBytes = Infinity } = final?.size ?? {};
    if (bytes >= beforeBytes)
      yield `${name} has ${bytes} bytes, and retention.bytes leave less than ${beforeBytes}`;
  }
}
