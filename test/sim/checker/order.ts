/** Rules: records of one producer stand in the order of publishing, and time runs forward along a log. */
import type { Ledger } from "./ledger.ts";
import { observed } from "./partition-story.ts";
import type { Observation, PartitionStory, Placed } from "./partition-story.ts";
import { time } from "./words.ts";

/**
 * In each partition the records of an idempotent producer, as far as one tab published them, stand in the order of their
 * numbers; records of two tabs in that order if the one was queued before the other was published. What the app wanted sent
 * once more comes when it comes. An outbox picks the partition at delivery: where it may pick anew, for records without a
 * key or in a topic that grew, a record may come to a partition behind younger ones that were there first.
 */
export function* producersKeepOrder(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions()) {
    const lastOfTab = new Map<string, Placed>();
    const youngestOf = new Map<string, Placed>();
    for (const placed of partition.placed(ledger.record)) {
      const { published, retries, queued } = placed.story;
      if (published === undefined || retries > 0 || !published.event.idempotent) continue;
      const { producer, tab, number, key } = published.event;
      const { topic } = partition;
      if (tab !== undefined && (topic.growths > 0 || (key === null && topic.partitions.size > 1))) continue;
      const place = tab === undefined ? producer : `${producer} ${tab}`;
      // What an outbox had sent before its device was wiped may arrive behind what the next one sends.
      if (published.event.tab !== undefined && placed.story.wiped !== undefined) continue;
      const last = lastOfTab.get(place);
      const youngest = youngestOf.get(producer);
      if (last !== undefined && (last.story.published?.event.number ?? 0) > number)
        yield misordered(partition, placed, last, "was published later");
      else if (youngest !== undefined && queued !== undefined && youngest.story.publishedAt > queued.at)
        yield misordered(partition, placed, youngest, `was published after it had been queued`);
      if (last === undefined || (last.story.published?.event.number ?? 0) < number)
        lastOfTab.set(place, placed);
      if (youngest === undefined || youngest.story.publishedAt < published.at)
        youngestOf.set(producer, placed);
    }
  }
}

function misordered(partition: PartitionStory, placed: Placed, before: Placed, how: string): string {
  const when = time(placed.story.published?.event.atMs ?? 0);
  const later = time(before.story.published?.event.atMs ?? 0);
  return (
    `${placed.story.id}, published at ${when}, stands at ${partition.place(placed.offset)} behind ` +
    `${before.story.id} at offset ${before.offset}, which ${how}, at ${later}`
  );
}

/** No record stands at or before an offset that somebody had seen before the record was published. */
export function* timeRunsForward(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions()) {
    if (partition.topic.isRelaxed) continue;
    const highest = highestSeen(partition);
    for (const { offset, story } of partition.placed(ledger.record)) {
      if (story.published === undefined) continue;
      const seen = lastBefore(highest, story.publishedAt);
      // At the same offset there are two records: another rule.
      if (seen === undefined || seen.offset <= offset) continue;
      yield (
        `${story.id}, published at ${time(story.published.event.atMs)}, stands at ${partition.place(offset)}, ` +
        `though offset ${seen.offset} (${seen.story.id}) had been ${observed(seen)}`
      );
    }
  }
}

/** What was seen at a higher offset than all before it, in the order of the history. */
function highestSeen({ observations }: PartitionStory): readonly Observation[] {
  const highest: Observation[] = [];
  for (const seen of observations)
    if (seen.level === "all" && seen.how !== "held" && seen.offset > (highest.at(-1)?.offset ?? -1))
      highest.push(seen);
  return highest;
}

function lastBefore(highest: readonly Observation[], at: number): Observation | undefined {
  let low = 0;
  let high = highest.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((highest[middle]?.at ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return highest[low - 1];
}
