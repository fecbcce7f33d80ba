/** Rule: a record that was queued on a device does not vanish from there without a trace. */
import type { Ledger } from "./ledger.ts";
import type { PartitionStory, Placed } from "./partition-story.ts";
import type { RecordStory } from "./record-story.ts";
import { time } from "./words.ts";

/**
 * Each queued record is acknowledged, seen in the log, in an outbox, refused, or discarded by the app; or the browser has
 * thrown the outbox away. Where its answer was lost with the tab, it may also have gone with its topic, or by retention.
 */
export function* queuedDoesNotVanish(ledger: Ledger): Generator<string, void, void> {
  const seen = seenRecords(ledger);
  for (const story of ledger.records.values()) {
    const { queued, acknowledgements, refused, decided, wiped } = story;
    if (queued === undefined || wiped !== undefined || acknowledgements.length > 0 || seen.has(story))
      continue;
    if (ledger.outboxRows.has(story.id) || decided?.event.word === "discard") continue;
    if (refused !== undefined && refused.at > (decided?.at ?? -1)) continue;
    if (mayHaveGoneFromTheLog(ledger, story)) continue;
    const sent = story.sends.at(-1)?.event.atMs;
    const last = sent === undefined ? "never sent" : `last sent at ${time(sent)}`;
    yield `${story.id}, queued at ${time(queued.event.atMs)}, ${last}, has vanished: neither in an outbox nor in the log`;
  }
}

/** What an outbox still holds is not in the log, as far as it is known, and says why where it asks the app. */
export function* outboxesTellTheTruth(ledger: Ledger): Generator<string, void, void> {
  const stands = standing(ledger);
  for (const [id, rows] of ledger.outboxRows) {
    if (rows.length > 1) yield `${id} is ${rows.length} times in the outbox of ${rows[0]?.producer}`;
    for (const { state, reason, producer } of rows) {
      const who = `${id} is ${state} in the outbox of ${producer}`;
      const isAsking = state === "held" || state === "in doubt" || state === "refused";
      if (isAsking && (reason ?? "") === "") yield `${who} without a reason`;
      const story = ledger.record(id);
      const acknowledged = story.acknowledgements.at(-1)?.event;
      const place = stands.get(story);
      if (story.retries > 0) continue;
      if (acknowledged !== undefined)
        yield `${who}, though it was acknowledged at ${time(acknowledged.atMs)}`;
      else if (place !== undefined && (state === "held" || state === "refused"))
        yield `${who} (${reason ?? ""}), and stands at ${place.partition.place(place.offset)}`;
      else if (place !== undefined && state !== "in doubt" && (reason ?? "") === "")
        yield `${who} after all was healed, and stands at ${place.partition.place(place.offset)}`;
    }
  }
}

/** Whether its topic was deleted or had records removed after it may first have reached the log. */
function mayHaveGoneFromTheLog(ledger: Ledger, story: RecordStory): boolean {
  const { sends, published } = story;
  const firstSent = sends[0]?.at;
  if (firstSent === undefined || published === undefined) return false;
  for (const topic of ledger.topics.values()) {
    if (topic.name !== published.event.topic) continue;
    if (!topic.exists && Math.max(topic.deletionAsked?.at ?? -1, topic.deleted?.at ?? -1) > firstSent)
      return true;
    if (topic.isRelaxed && ledger.hasLoss(published.at, Infinity)) return true;
    if (topic.isCompacted && ledger.mayBeSuperseded(story)) return true;
    for (const { lastRetentionAt } of topic.partitions.values()) if (lastRetentionAt > firstSent) return true;
  }
  return false;
}

function seenRecords(ledger: Ledger): Set<RecordStory> {
  const seen = new Set<RecordStory>();
  for (const partition of ledger.partitions()) {
    for (const { story } of partition.observations) seen.add(story);
    for (const { id } of partition.records.values()) seen.add(ledger.record(id));
  }
  return seen;
}

function standing(ledger: Ledger): Map<RecordStory, Placed & { readonly partition: PartitionStory }> {
  const stands = new Map<RecordStory, Placed & { readonly partition: PartitionStory }>();
  for (const partition of ledger.partitions())
    for (const [offset, { id }] of partition.records) {
      const story = ledger.record(id);
      stands.set(story, { offset, story, partition });
    }
  return stands;
}
