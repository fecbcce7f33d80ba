/** Rule: what was acknowledged stands where it was said to, at the level that was promised. */
import type { Acknowledged } from "../history.ts";
import type { Ledger } from "./ledger.ts";
import type { PartitionStory } from "./partition-story.ts";
import type { Noted, RecordStory } from "./record-story.ts";
import { time } from "./words.ts";

/**
 * `all` survives everything. `1`, and everything in a topic that counts written as synced, may go with a power loss that came
 * after the record was sent, as long as nothing at or behind its offset was seen before the loss that is still there. Nothing
 * survives the deletion of its topic, or retention that was asked for.
 */
export function* acknowledgedIsThere(ledger: Ledger): Generator<string, void, void> {
  for (const story of ledger.records.values()) {
    for (const acknowledged of story.acknowledgements) {
      const partition = ledger.partition(acknowledged.event);
      if (partition.final === undefined) continue;
      const fate = fateOf(ledger, partition, story, acknowledged);
      if (fate === undefined) continue;
      const { level, atMs, offset } = acknowledged.event;
      const where = offset < 0n ? partition.name : partition.place(Number(offset));
      yield `${story.id}, acknowledged (${level}) at ${time(atMs)} as ${where}, is lost: ${fate}`;
    }
  }
}

/** Where an acknowledged record has gone, if it may not have; undefined: it is there, or may be gone. */
function fateOf(
  ledger: Ledger,
  partition: PartitionStory,
  story: RecordStory,
  acknowledged: Noted<Acknowledged>,
): string | undefined {
  const offset = Number(acknowledged.event.offset);
  const { start, end } = partition;
  const elsewhere = partition.placed(ledger.record).find((placed) => placed.story === story)?.offset;
  const { isRelaxed } = partition.topic;
  const mayGo = isRelaxed || acknowledged.event.level === "1";
  const since = isRelaxed ? story.publishedAt : story.sentBefore(acknowledged.at);
  if (offset < 0) {
    if (elsewhere !== undefined || partition.lastRetentionAt > story.publishedAt) return undefined;
    // Where it stood nobody knows, nor what came after it.
    if (partition.topic.isCompacted) return undefined;
    return mayGo && ledger.hasLoss(since, Infinity) ? undefined : "it is nowhere in that partition";
  }
  // Whether the log may start there is another rule.
  if (offset < start) return undefined;
  const there = partition.records.get(offset);
  if (there?.id === story.id || (mayGo && ledger.mayBeLost(partition, offset, since))) return undefined;
  const moved = elsewhere === undefined ? "" : `, and it stands at offset ${elsewhere}`;
  if (there !== undefined) return `${there.id} stands there${moved}`;
  if (offset >= end) return `the log ends at ${end}${moved}`;
  return ledger.firstOwed(partition, offset, offset + 1) === undefined
    ? undefined
    : `nothing stands there${moved}`;
}
