/** Rules: one offset, one record, for ever; and what was read is in the log. */
import type { Ledger } from "./ledger.ts";
import { observed } from "./partition-story.ts";
import type { Observation, PartitionStory } from "./partition-story.ts";

/**
 * Everybody who ever saw an offset saw the same record there. An acknowledgement of level `1` is no sight of it, and in a
 * topic that counts written as synced a power loss between the two sights excuses them. Acknowledgements and replicas that
 * differ from the final log are other rules'.
 */
export function* oneOffsetOneRecord(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions()) {
    const first = new Map<number, Observation>();
    for (const seen of partition.observations) {
      const { offset, story, how, level } = seen;
      if (level !== "all") continue;
      const stored = partition.records.get(offset);
      if (stored !== undefined) {
        if (how === "read" && stored.id !== story.id && !isTakenBack(ledger, partition, seen))
          yield `${partition.place(offset)} was ${story.id}, ${observed(seen)}, and is ${stored.id} in the log at the end`;
        continue;
      }
      const before = first.get(offset);
      if (before === undefined) first.set(offset, seen);
      else if (before.story !== story && !mayBothBe(ledger, partition, before, seen))
        yield `${partition.place(offset)} was ${before.story.id}, ${observed(before)}, and was ${story.id}, ${observed(seen)}`;
    }
  }
}

/** What was read is in the log for good. */
export function* readIsDurable(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions()) {
    const { start, end, final } = partition;
    if (final === undefined) continue;
    for (const seen of partition.observations) {
      const { offset, how, story } = seen;
      if (how !== "read" || offset < start || partition.records.has(offset)) continue;
      if (ledger.firstOwed(partition, offset, offset + 1) === undefined) continue;
      if (isTakenBack(ledger, partition, seen)) continue;
      const instead = offset < end ? "the log has nothing there" : `the log ends at ${end}`;
      yield `${story.id} at ${partition.place(offset)}, ${observed(seen)}, was never durable: at the end ${instead}`;
    }
  }
}

function isTakenBack(ledger: Ledger, partition: PartitionStory, { offset, story }: Observation): boolean {
  return partition.topic.isRelaxed && ledger.mayBeLost(partition, offset, story.publishedAt);
}

/** One of the two was lost before the other was written: then a power loss lies between its publishing and that sight. */
function mayBothBe(ledger: Ledger, { topic }: PartitionStory, one: Observation, other: Observation): boolean {
  if (!topic.isRelaxed) return false;
  return ledger.hasLoss(one.story.publishedAt, other.at) || ledger.hasLoss(other.story.publishedAt, one.at);
}
