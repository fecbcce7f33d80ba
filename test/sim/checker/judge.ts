/** What the sample can be made to look like, and what the checker says of it. */
import { check } from "./check.ts";
import { eventOf, insertAfter, stored } from "./draft.ts";
import type { HistoryDraft, NewEvent, PartitionDraft } from "./draft.ts";
import { acknowledged, ORDERS, read, sample, sent } from "./sample.ts";

export const POWER_LOSS: NewEvent = { kind: "gateway died", how: "power loss" };
export const KILLED: NewEvent = { kind: "gateway died", how: "killed" };

export interface Run {
  readonly history: HistoryDraft;
  readonly log: PartitionDraft;
  /** Happens when all the rest has happened. */
  readonly later: (...events: NewEvent[]) => void;
}

/** What the checker says about the sample after `damage`. */
export function judge(damage: (run: Run) => void, relaxed = false): string[] {
  const history = sample();
  const [log] = history.partitions;
  if (log === undefined) throw new Error("the sample has a partition");
  const later = (...events: NewEvent[]): void => {
    for (const event of events) {
      const last = history.events.at(-1);
      if (last !== undefined) insertAfter(history, last, event);
    }
  };
  damage({ history, log, later });
  return check(history, { relaxedTopics: new Set(relaxed ? ["orders"] : []) });
}

/** The names of the rules that are broken. */
export function rulesOf(broken: readonly string[]): string[] {
  return [...new Set(broken.map((words) => words.slice(0, words.indexOf(":"))))];
}

/** The log ends here now; with it replicas and readers, as if nobody had ever seen more. */
export function cutAt({ history, log }: Run, end: number): void {
  log.records.splice(end);
  log.highWatermark = BigInt(end);
  for (const replica of history.replicas) {
    replica.records.splice(end);
    replica.to = BigInt(end);
  }
  for (const reader of history.readers) reader.next = BigInt(end);
}

/** Takes back what was read from this offset on. */
export function unread({ history }: Run, from: number): void {
  history.events = history.events.filter((event) => event.kind !== "read" || event.offset < BigInt(from));
}

/** The log, and the replicas, begin here now. */
export function startAt({ history, log }: Run, start: number): void {
  log.records.splice(0, start);
  log.logStartOffset = BigInt(start);
  for (const replica of history.replicas) {
    replica.records.splice(0, start);
    replica.from = BigInt(start);
  }
}

/** This record stands here instead, in the log and in the replicas, with what a batch says of it. */
export function putAt(
  { history, log }: Run,
  offset: number,
  id: string,
  batch: Partial<(typeof log.records)[number]>,
): void {
  for (const holder of [log, ...history.replicas])
    holder.records.splice(offset, 1, stored(offset, id, batch));
}

/** One more record at the end of everything. */
export function append(run: Run, id: string, batch: Partial<PartitionDraft["records"][number]> = {}): void {
  const { history, log } = run;
  const offset = log.records.length;
  const fields = { producerId: 20n + BigInt(offset), leaderEpoch: 1, ...batch };
  putAt(run, offset, id, fields);
  log.highWatermark += 1n;
  for (const replica of history.replicas) replica.to += 1n;
  for (const reader of history.readers) {
    run.later(read(reader.reader, offset, id));
    reader.next += 1n;
  }
}

/** An outbox's record at the end. */
export function row(id: string, state: "waiting" | "sending" | "held"): HistoryDraft["outboxes"][number] {
  return { producer: "device-1/alice", id, state, reason: undefined };
}

/** As if each record had been read by a reader of its own, which tells nothing of those before it. */
export function readEachAlone(history: HistoryDraft, reader: string): void {
  const reads = history.events.filter((event) => event.kind === "read" && event.reader === reader);
  for (const [at, event] of reads.entries()) if (event.kind === "read") event.reader = `${reader}.${at}`;
  history.readers = history.readers.filter((final) => final.reader !== reader);
}

/** One more record with the key of the first two is in another partition than they. */
export function keyInTwoPartitions({ history, later }: Run): void {
  const id = "device-1/alice:5";
  eventOf(history, "publish", id).key = "a";
  history.outboxes.splice(1, 1);
  const other = { topicId: ORDERS, partition: 1 };
  later(sent(id), { ...acknowledged(id, 0), partition: 1 } as NewEvent);
  const records = [stored(0, id, { producerId: 7n })];
  history.partitions.push({ ...other, topic: "orders", logStartOffset: 0n, highWatermark: 1n, records });
}

/** Breaks one rule, and no other one has a word to say: the rule's name, the damage, some of the rule's words. */
export type Damage = [
  rule: string,
  damage: string,
  words: string,
  act: (run: Run) => void,
  relaxed?: "relaxed",
];
