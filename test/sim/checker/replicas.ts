/** Rules: a replica is the log's range, and what was deleted from a compacted log is deleted in it. */
import type { FinalReplica, StoredRecord } from "../history.ts";
import type { Ledger } from "./ledger.ts";
import type { PartitionStory } from "./partition-story.ts";
import { END } from "./record-story.ts";

const FIELDS = ["id", "leaderEpoch", "producerId", "producerEpoch", "sequence"] as const;

/**
 * What is held is exactly what the log has in that range, batch headers included, and nothing from beyond its end; a live
 * replica has reached the end. One that has not heard since may still hold what a power loss has taken back from a topic that
 * counts written as synced.
 */
export function* replicasAreTheLog(ledger: Ledger): Generator<string, void, void> {
  for (const replica of ledger.history.replicas) {
    const partition = ledger.partition(replica);
    const who = `the replica of ${partition.name} at ${replica.holder} (${replica.state})`;
    yield* inOneRange(ledger, partition, replica, who);
    if (partition.final !== undefined) yield* asTheLog(ledger, partition, replica, who);
  }
}

function* inOneRange(
  ledger: Ledger,
  partition: PartitionStory,
  { from, to, records }: FinalReplica,
  who: string,
): Generator<string, void, void> {
  let next = Number(from);
  for (const { offset, id } of records) {
    const at = Number(offset);
    const missed = ledger.firstHeld(partition, next, at);
    if (missed !== undefined) yield `${who} lacks offset ${missed} of [${from}, ${to})`;
    if (at < next) yield `${who} holds ${id} at offset ${at}, when offset ${next} was next`;
    next = at + 1;
  }
  const missed = ledger.firstHeld(partition, next, Number(to));
  if (missed !== undefined) yield `${who} lacks offset ${missed} of [${from}, ${to})`;
  if (next > Number(to)) yield `${who} holds offset ${next - 1}, beyond its own range [${from}, ${to})`;
}

function* asTheLog(
  ledger: Ledger,
  partition: PartitionStory,
  replica: FinalReplica,
  who: string,
): Generator<string, void, void> {
  const { start, end, topic } = partition;
  const isLive = replica.state === "live";
  const from = Number(replica.from);
  const to = Number(replica.to);
  // A live one has to know that the log was set back.
  const mayDiffer = (offset: number, id: string): boolean =>
    topic.isRelaxed && !isLive && ledger.mayBeLost(partition, offset, ledger.record(id).publishedAt);
  for (const record of replica.records) {
    const offset = Number(record.offset);
    if (offset < start) continue;
    const stored = partition.records.get(offset);
    // It may keep what compaction has taken out of the log since.
    if (stored === undefined && offset < end && ledger.firstOwed(partition, offset, offset + 1) === undefined)
      continue;
    const difference =
      stored === undefined
        ? `the log, which ends at ${end}, has nothing there`
        : differenceOf(record, stored);
    if (difference !== undefined && !mayDiffer(offset, record.id))
      yield `${who} holds ${record.id} at offset ${offset}: ${difference}`;
  }
  const mayBeAhead = topic.isRelaxed && !isLive && ledger.losses.length > 0;
  if (isLive ? to !== end : to > end && !mayBeAhead) yield `${who} ends at ${to}, and the log ends at ${end}`;
  const retained = partition.retainedTo(END);
  if (from > Math.max(retained, start) && !topic.isRelaxed)
    yield `${who} begins at ${from}, and the log at ${start}: only what is before ${retained} was asked to go`;
}

/** A live replica of a compacted log has nothing of a key whose last word was a tombstone: not after it, and not before it alone. */
export function* replicasForget(ledger: Ledger): Generator<string, void, void> {
  for (const replica of ledger.history.replicas) {
    const partition = ledger.partition(replica);
    const compacted = ledger.compactedOf(partition);
    if (compacted === undefined || partition.final === undefined || replica.state !== "live") continue;
    const lastOf = new Map<string | null, StoredRecord>();
    for (const record of replica.records)
      lastOf.set(ledger.record(record.id).published?.event.key ?? null, record);
    for (const { offset, story } of compacted.deleted()) {
      const key = story.published?.event.key ?? null;
      const held = lastOf.get(key);
      if (held === undefined || Number(held.offset) >= offset) continue;
      yield `the replica of ${partition.name} at ${replica.holder} holds ${held.id} at offset ${held.offset}, and its key ${key} was deleted by ${story.id} at offset ${offset}`;
    }
  }
}

function differenceOf(record: StoredRecord, stored: StoredRecord): string | undefined {
  const field = FIELDS.find((name) => record[name] !== stored[name]);
  if (field === undefined) return undefined;
  return `its ${field} is ${record[field]}, and ${stored[field]} (${stored.id}) in the log`;
}
