/** Rule: what an idempotent producer sends stands in the log once. */
import type { Ledger } from "./ledger.ts";
import type { PartitionStory } from "./partition-story.ts";
import type { RecordStory } from "./record-story.ts";
import { count } from "./words.ts";

interface Copy {
  readonly partition: PartitionStory;
  readonly offset: number;
}

/**
 * A record stands in a topic id once, and once more for each time the app wanted it sent again while it was in doubt. A
 * device's outbox names topics by id, so its records stand in one topic only; a Kafka client that names topics by name may
 * send again to a topic that was made anew meanwhile. Nobody's record stands more often than it was sent.
 */
export function* nothingIsTwice(ledger: Ledger): Generator<string, void, void> {
  for (const [story, copies] of copiesOf(ledger)) {
    if (copies.length < 2) continue;
    const sends = story.sends.length;
    const places = copies.map(({ partition, offset }) => partition.place(offset)).join(", ");
    if (sends > 0 && copies.length > sends)
      yield `${story.id} was sent ${count(sends, "time")} and stands ${count(copies.length, "time")}: ${places}`;
    else if (story.isIdempotent && mostOf(story, copies) > story.copiesMax)
      yield `${story.id} stands ${count(copies.length, "time")}, and may stand ${count(story.copiesMax, "time")}: ${places}`;
  }
}

/** How many copies count against each other. */
function mostOf(story: RecordStory, copies: readonly Copy[]): number {
  if (story.queued !== undefined) return copies.length;
  const byTopic = new Map<string, number>();
  for (const { partition } of copies)
    byTopic.set(partition.topic.topicId, (byTopic.get(partition.topic.topicId) ?? 0) + 1);
  return Math.max(...byTopic.values());
}

function copiesOf(ledger: Ledger): Map<RecordStory, Copy[]> {
  const copies = new Map<RecordStory, Copy[]>();
  for (const partition of ledger.partitions()) {
    for (const { story, offset } of partition.placed(ledger.record)) {
      const known = copies.get(story);
      if (known === undefined) copies.set(story, [{ partition, offset }]);
      else known.push({ partition, offset });
    }
  }
  return copies;
}
