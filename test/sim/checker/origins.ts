/** Rule: nothing appears from nowhere. */
import type { Ledger } from "./ledger.ts";
import { observed } from "./partition-story.ts";
import type { Observation, PartitionStory } from "./partition-story.ts";
import type { RecordStory } from "./record-story.ts";
import { time } from "./words.ts";

/** One sight of a record in a partition. */
interface Sight {
  readonly story: RecordStory;
  readonly offset: number;
  /** Left out: it is in the log at the end. */
  readonly seen?: Observation;
}

/** What is told of a record, is told after it was published. */
export function* nothingFromNowhere(ledger: Ledger): Generator<string, void, void> {
  for (const id of ledger.publishedTwice) yield `${id} was published twice: ids must be unique in a run`;
  for (const { id, event } of ledger.untold) {
    const published = ledger.record(id).published;
    const when =
      published === undefined ? "was never published" : `was published at ${time(published.event.atMs)}`;
    yield `${id} comes from nowhere: "${event.kind}" at ${time(event.atMs)}, and it ${when}`;
  }
  for (const [id, rows] of ledger.outboxRows)
    if (ledger.record(id).published === undefined)
      yield `${id} in the outbox of ${rows[0]?.producer} comes from nowhere: it was never published`;
  for (const partition of ledger.partitions()) {
    for (const { story, offset, seen } of sightsOf(ledger, partition)) {
      const why = whyNot(partition, story);
      if (why === undefined) continue;
      // Events of what nobody published have been told above.
      if (story.published === undefined && seen !== undefined && seen.how !== "held") continue;
      const words = seen === undefined ? "in the log at the end" : observed(seen);
      yield `${story.id} at ${partition.place(offset)}, ${words}: ${why}`;
    }
  }
}

/** Why this record cannot be in this partition; undefined: it can. */
function whyNot({ topic }: PartitionStory, story: RecordStory): string | undefined {
  const { published, refused, retries } = story;
  if (published === undefined) return "it was never published";
  if (published.event.topic !== topic.name) return `it was published to ${published.event.topic}`;
  const { topicId } = published.event;
  // What the app wanted sent once more is meant for whatever topic has that name then.
  if (topicId !== undefined && topicId !== topic.topicId && retries === 0)
    return `it was published for the topic with id ${topicId}`;
  if (refused !== undefined && retries === 0)
    return `it was refused at ${time(refused.event.atMs)} (${refused.event.reason})`;
  if (topic.deleted !== undefined && published.at > topic.deleted.at)
    return `it was published at ${time(published.event.atMs)}, after the topic was deleted at ${time(topic.deleted.event.atMs)}`;
  return undefined;
}

/** Records of one outbox with one key stand in one partition of a topic, and in one more each time it got more partitions. */
export function* keysStayTogether(ledger: Ledger): Generator<string, void, void> {
  for (const topic of ledger.topics.values()) {
    const homes = new Map<string, Map<PartitionStory, Sight>>();
    for (const partition of topic.partitions.values()) {
      for (const sight of sightsOf(ledger, partition)) {
        const { producer, key } = sight.story.published?.event ?? { producer: "", key: null };
        if (key === null || !ledger.outboxProducers.has(producer)) continue;
        const name = `key ${key} of ${producer}`;
        let home = homes.get(name);
        if (home === undefined) homes.set(name, (home = new Map()));
        if (!home.has(partition)) home.set(partition, sight);
      }
    }
    for (const [name, home] of homes) {
      if (home.size <= 1 + topic.growths) continue;
      const places = Array.from(
        home,
        ([partition, { story, offset }]) => `${story.id} at ${partition.place(offset)}`,
      );
      yield `${name} is in ${home.size} partitions: ${places.join(", ")}`;
    }
  }
}

function sightsOf(ledger: Ledger, partition: PartitionStory): Sight[] {
  const sights: Sight[] = [];
  for (const [offset, { id }] of partition.records) sights.push({ story: ledger.record(id), offset });
  for (const seen of partition.observations) {
    const { offset, story } = seen;
    // That it is in the log says it all.
    if (partition.records.get(offset)?.id !== story.id) sights.push({ story, offset, seen });
  }
  return sights;
}
