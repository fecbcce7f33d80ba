/**
 * Whether what the pages were told is what came of it: every `delivered` record is in the log exactly once; every `queued` one
 * is there too, or still in its outbox, or in doubt there with a reason; order per key holds; no offset has two values in log
 * and replica; and nothing goes out under another's name. The rules are those of the simulator's checker.
 */
import { check } from "../../sim/checker/check.ts";
import type { FinalOutboxRecord, FinalPartition, FinalReplica } from "../../sim/history.ts";
import type { Notes } from "./notes.ts";

interface Content {
  readonly key: string | null;
  readonly value: string | null;
}

/** As an independent client reads it from the log, with what its batch says. */
export interface LoggedRecord extends Content {
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly sequence: number;
}

/** All of [logStartOffset, highWatermark). */
export interface LoggedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly logStartOffset: bigint;
  readonly highWatermark: bigint;
  readonly records: readonly LoggedRecord[];
}

/** A replica as its page reads it back. */
export interface HeldPartition {
  readonly holder: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  readonly state: string;
  readonly records: readonly (Content & { readonly offset: bigint })[];
}

/** A record in a device's outbox. */
export interface OutboxRow extends Content {
  readonly outbox: string;
  readonly state: FinalOutboxRecord["state"];
  readonly reason: string | undefined;
}

export interface Evidence {
  readonly notes: Pick<Notes, "events" | "written">;
  readonly log: readonly LoggedPartition[];
  readonly replicas: readonly HeldPartition[];
  readonly outboxes: readonly OutboxRow[];
  /** Records whose page lives and has not been told what became of them, by id. */
  readonly untold: readonly string[];
}

/** What is wrong, in words; nothing: all is well. */
export function judge({ notes, log, replicas, outboxes, untold }: Evidence): string[] {
  /** Whoever has not every byte of what was published is nobody's record. */
  const idOf = ({ key, value }: Content): string => {
    const id = value?.split(" ", 1)[0] ?? "";
    const written = notes.written.get(id);
    return written?.key === key && written.value === value ? id : `altered:${id}(${key ?? "no key"})`;
  };
  const partitions = log.map((partition): FinalPartition => {
    const records = partition.records.map((record) => ({ ...record, id: idOf(record) }));
    return { ...partition, topicId: partition.topic, records };
  });
  // What a batch's header says the SDK does not tell: of one that holds the log's record it is taken to be the log's.
  const logged = new Map(
    partitions.flatMap(({ topicId, partition, records }) =>
      records.map((record) => [`${topicId}/${partition}/${record.offset}`, record] as const),
    ),
  );
  const held = replicas.map((replica): FinalReplica => {
    const { holder, topic: topicId, partition, from, to, state } = replica;
    const records = replica.records.map((record) => {
      const { offset } = record;
      const there = logged.get(`${topicId}/${partition}/${offset}`);
      const { leaderEpoch = -1, producerId = -1n, producerEpoch = -1, sequence = -1 } = there ?? {};
      return { offset, id: idOf(record), leaderEpoch, producerId, producerEpoch, sequence };
    });
    return { holder, topicId, partition, from, to, state, records };
  });
  const rows = outboxes.map((row): FinalOutboxRecord => {
    const { outbox: producer, state, reason } = row;
    return { producer, id: idOf(row), state, reason };
  });
  const history = {
    events: notes.events,
    partitions,
    replicas: held,
    outboxes: rows,
    readers: [],
    groups: [],
  };
  const kept = new Set(rows.map(({ id }) => id));
  return [
    ...check(history, { relaxedTopics: new Set() }),
    ...untold
      .filter((id) => !kept.has(id))
      .map((id) => `promises are kept: ${id} left its outbox, and its page was never told`),
  ];
}
