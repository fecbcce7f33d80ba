/** Single lies that a history of the model may be made to tell; none of them may pass. */
import type { Random } from "../kernel/random.ts";
import type { EventDraft, HistoryDraft, PartitionDraft } from "./draft.ts";
import { insertAfter, remove } from "./draft.ts";
import { RELAXED } from "./model.ts";

type Kind<Name extends EventDraft["kind"]> = Extract<EventDraft, { kind: Name }>;

/** Answers what it has changed; undefined: this history has nothing of the kind. */
export type Mutation = (history: HistoryDraft, random: Random) => string | undefined;

/** Of topics whose logs stay as they are. */
function partitionsOf({ partitions }: HistoryDraft, recordsMin: number): PartitionDraft[] {
  return partitions.filter(({ topic, records }) => !RELAXED.has(topic) && records.length >= recordsMin);
}

function pick<Item>(random: Random, items: readonly Item[]): Item | undefined {
  return items.length === 0 ? undefined : random.pick(items);
}

function eventsOf<Name extends EventDraft["kind"]>({ events }: HistoryDraft, kind: Name): Kind<Name>[] {
  return events.filter((event): event is Kind<Name> => event.kind === kind);
}

/** Something of a topic that is there at the end and whose log stays as it is. */
function lasting<Event extends { topicId: string }>(
  history: HistoryDraft,
  events: readonly Event[],
): Event[] {
  const topicIds = new Set(partitionsOf(history, 0).map(({ topicId }) => topicId));
  return events.filter(({ topicId }) => topicIds.has(topicId));
}

/** A record of a log, and where it stands in the list. */
function somewhere(
  history: HistoryDraft,
  random: Random,
  recordsMin: number,
): { partition: PartitionDraft; at: number; record: PartitionDraft["records"][number] } | undefined {
  const partition = pick(random, partitionsOf(history, recordsMin));
  if (partition === undefined) return undefined;
  const at = random.below(partition.records.length - recordsMin + 1);
  const record = partition.records[at];
  return record === undefined ? undefined : { partition, at, record };
}

/** As if the log and the replica both had it so: then it is for clients to notice. */
function alsoInReplica(history: HistoryDraft, partition: PartitionDraft): void {
  for (const replica of history.replicas) {
    if (replica.topicId !== partition.topicId || replica.partition !== partition.partition) continue;
    replica.records = partition.records.map((record) => ({ ...record }));
    replica.from = partition.logStartOffset;
    replica.to = partition.highWatermark;
  }
}

export const mutations: ReadonlyMap<string, Mutation> = new Map<string, Mutation>([
  [
    "the log loses its last record",
    (history, random) => {
      const partition = pick(random, partitionsOf(history, 1));
      const lost = partition?.records.pop();
      if (partition === undefined || lost === undefined) return undefined;
      partition.highWatermark -= 1n;
      alsoInReplica(history, partition);
      return lost.id;
    },
  ],
  [
    "the log loses a record, and what is behind it moves up",
    (history, random) => {
      const found = somewhere(history, random, 1);
      if (found === undefined) return undefined;
      const { partition, at, record } = found;
      partition.records.splice(at, 1);
      for (const behind of partition.records.slice(at)) behind.offset -= 1n;
      partition.highWatermark -= 1n;
      alsoInReplica(history, partition);
      return record.id;
    },
  ],
  [
    "the log has a hole",
    (history, random) => {
      const found = somewhere(history, random, 1);
      if (found === undefined) return undefined;
      found.partition.records.splice(found.at, 1);
      alsoInReplica(history, found.partition);
      return found.record.id;
    },
  ],
  [
    "two records of a log change places",
    (history, random) => {
      const found = somewhere(history, random, 2);
      const next = found?.partition.records[found.at + 1];
      if (found === undefined || next === undefined || next.id === found.record.id) return undefined;
      [found.record.id, next.id] = [next.id, found.record.id];
      alsoInReplica(history, found.partition);
      return `${found.record.id} and ${next.id}`;
    },
  ],
  [
    "an idempotent record stands twice, to be read by all",
    (history, random) => {
      const retried = new Set(eventsOf(history, "decided").map(({ id }) => id));
      const plain = new Set(
        eventsOf(history, "publish")
          .filter(({ idempotent }) => !idempotent)
          .map(({ id }) => id),
      );
      const found = somewhere(history, random, 1);
      if (found === undefined || retried.has(found.record.id) || plain.has(found.record.id)) return undefined;
      const { partition, record } = found;
      const offset = partition.highWatermark;
      partition.records.push({ ...record, offset, producerId: 99n, sequence: 0, leaderEpoch: 999 });
      partition.highWatermark += 1n;
      alsoInReplica(history, partition);
      const { topicId } = partition;
      for (const reader of history.readers) {
        if (reader.topicId !== topicId || reader.partition !== partition.partition) continue;
        const read = {
          kind: "read",
          reader: reader.reader,
          topicId,
          partition: reader.partition,
          offset,
        } as const;
        history.events.push({ ...read, id: record.id, atMs: 1e6 });
        reader.next += 1n;
      }
      return record.id;
    },
  ],
  [
    "a leader epoch falls",
    (history, random) => {
      const found = somewhere(history, random, 2);
      const next = found?.partition.records[found.at + 1];
      if (found === undefined || next === undefined) return undefined;
      found.record.leaderEpoch = next.leaderEpoch + 1;
      alsoInReplica(history, found.partition);
      return found.record.id;
    },
  ],
  [
    "the log starts later than it was asked to",
    (history, random) => {
      const asked = new Set(
        eventsOf(history, "retention").map(({ topicId, partition }) => `${topicId}/${partition}`),
      );
      const partition = pick(
        random,
        partitionsOf(history, 1).filter((each) => !asked.has(`${each.topicId}/${each.partition}`)),
      );
      if (partition === undefined) return undefined;
      partition.records.shift();
      partition.logStartOffset += 1n;
      alsoInReplica(history, partition);
      return `${partition.topicId}/${partition.partition}`;
    },
  ],
  [
    "an acknowledgement names the next offset",
    (history, random) => {
      const acknowledged = eventsOf(history, "acknowledged").filter(
        ({ level, offset }) => level === "all" && offset >= 0n,
      );
      const start = new Map(
        history.partitions.map((each) => [`${each.topicId}/${each.partition}`, each.logStartOffset]),
      );
      const kept = lasting(history, acknowledged).filter(
        ({ topicId, partition, offset }) => offset >= (start.get(`${topicId}/${partition}`) ?? 0n),
      );
      const event = pick(random, kept);
      if (event === undefined) return undefined;
      event.offset += 1n;
      return event.id;
    },
  ],
  [
    "a reader gets another record",
    (history, random) => {
      const reads = eventsOf(history, "read");
      const start = new Map(
        history.partitions.map((each) => [`${each.topicId}/${each.partition}`, each.logStartOffset]),
      );
      const kept = lasting(history, reads).filter(
        ({ topicId, partition, offset }) => offset >= (start.get(`${topicId}/${partition}`) ?? 0n),
      );
      const event = pick(random, kept);
      const other =
        event &&
        pick(
          random,
          reads.filter(({ id }) => id !== event.id),
        );
      if (event === undefined || other === undefined) return undefined;
      event.id = other.id;
      return `${event.id} at ${event.offset} by ${event.reader}`;
    },
  ],
  [
    "a reader skips a record",
    (history, random) => {
      const reads = eventsOf(history, "read");
      // The first one of a reader tells where it begins.
      const later = lasting(history, reads).filter(
        (event) => reads.find(({ reader }) => reader === event.reader) !== event,
      );
      const event = pick(random, later);
      if (event === undefined) return undefined;
      // At the end of what a reader read before it ended nobody misses anything.
      const isLast = reads.findLast(({ reader }) => reader === event.reader) === event;
      if (isLast && !history.readers.some(({ reader }) => reader === event.reader)) return undefined;
      remove(history.events, event);
      return `${event.id} at ${event.offset} by ${event.reader}`;
    },
  ],
  [
    "a reader gets a record twice",
    (history, random) => {
      const event = pick(random, lasting(history, eventsOf(history, "read")));
      if (event === undefined) return undefined;
      insertAfter(history, event, { ...event });
      return `${event.id} at ${event.offset} by ${event.reader}`;
    },
  ],
  [
    "a reader is stuck",
    (history, random) => {
      const reader = pick(random, lasting(history, history.readers));
      if (reader === undefined) return undefined;
      reader.next -= 1n;
      return reader.reader;
    },
  ],
  [
    "a reader is told too large a gap",
    (history, random) => {
      const event = pick(random, eventsOf(history, "gap"));
      if (event === undefined) return undefined;
      event.to += 1000n;
      return event.reader;
    },
  ],
  [
    "a replica holds a batch with another sequence",
    (history, random) => {
      const replica = pick(
        random,
        history.replicas.filter(({ records }) => records.length > 0),
      );
      const record = replica && random.pick(replica.records);
      if (record === undefined) return undefined;
      record.sequence += 1;
      return record.id;
    },
  ],
  [
    "a replica lacks a record",
    (history, random) => {
      const replica = pick(
        random,
        history.replicas.filter(({ records }) => records.length > 0),
      );
      if (replica === undefined) return undefined;
      const [lost] = replica.records.splice(random.below(replica.records.length), 1);
      return lost?.id;
    },
  ],
  [
    "a record that never left vanishes from its outbox",
    (history, random) => {
      const row = pick(
        random,
        history.outboxes.filter(({ state }) => state === "waiting"),
      );
      if (row === undefined) return undefined;
      remove(history.outboxes, row);
      return row.id;
    },
  ],
  [
    "an acknowledged record is still in its outbox",
    (history, random) => {
      const retried = new Set(eventsOf(history, "decided").map(({ id }) => id));
      const event = pick(
        random,
        eventsOf(history, "acknowledged").filter(({ id }) => !retried.has(id)),
      );
      if (event === undefined) return undefined;
      const producer = event.id.split(":")[0] ?? "";
      history.outboxes.push({ producer, id: event.id, state: "waiting", reason: undefined });
      return event.id;
    },
  ],
  [
    "a record is sent under another account",
    (history, random) => {
      const event = pick(random, eventsOf(history, "sent"));
      if (event === undefined) return undefined;
      event.principal = "mallory";
      return event.id;
    },
  ],
  [
    "nobody has published a record that was sent",
    (history, random) => {
      const event = pick(random, eventsOf(history, "sent"));
      if (event === undefined) return undefined;
      history.events = history.events.filter((other) => other.kind !== "publish" || other.id !== event.id);
      return event.id;
    },
  ],
  [
    "a record of the log was refused",
    (history, random) => {
      const retried = new Set(eventsOf(history, "decided").map(({ id }) => id));
      const found = somewhere(history, random, 1);
      if (found === undefined || retried.has(found.record.id)) return undefined;
      history.events.push({ kind: "refused", id: found.record.id, reason: "no", atMs: 1e6 });
      return found.record.id;
    },
  ],
  [
    "a record of the log was meant for another topic of that name",
    (history, random) => {
      const retried = new Set(eventsOf(history, "decided").map(({ id }) => id));
      const found = somewhere(history, random, 1);
      const published = eventsOf(history, "publish").find(({ id }) => id === found?.record.id);
      if (published === undefined || retried.has(published.id)) return undefined;
      published.topicId = "T0";
      return published.id;
    },
  ],
  [
    "a log begins where it began before records were gone for good",
    (history, random) => {
      const partition = pick(
        random,
        partitionsOf(history, 1).filter(({ logStartOffset }) => logStartOffset > 0n),
      );
      const [first] = partition?.records ?? [];
      const isTold = eventsOf(history, "retention done").some(
        ({ topicId, to, partition: number }) =>
          topicId === partition?.topicId && number === partition.partition && to === partition.logStartOffset,
      );
      if (partition === undefined || first === undefined || !isTold) return undefined;
      partition.logStartOffset -= 1n;
      const id = eventsOf(history, "read").find(
        ({ topicId, partition: number, offset }) =>
          topicId === partition.topicId &&
          number === partition.partition &&
          offset === partition.logStartOffset,
      )?.id;
      if (id === undefined) return undefined;
      partition.records.unshift({ ...first, offset: partition.logStartOffset, id, producerId: -1n });
      return `${partition.topicId}/${partition.partition}`;
    },
  ],
  [
    "nobody has deleted a topic that is gone",
    (history, random) => {
      const event = pick(
        random,
        history.events.filter(({ kind }) => kind === "topic deleted"),
      );
      if (event === undefined) return undefined;
      const kept = (other: EventDraft): boolean =>
        other.kind !== "topic deletion asked" && other.kind !== "topic deleted";
      history.events = history.events.filter(kept);
      return `deleted at ${event.atMs}`;
    },
  ],
]);
