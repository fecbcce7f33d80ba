/** The judgement itself: of what is well it says nothing, and each planted fault it finds, and names. */
import { expect, test } from "vitest";
import { judge } from "./judge.ts";
import type { Evidence, HeldPartition, LoggedPartition, LoggedRecord, OutboxRow } from "./judge.ts";
import { Notes } from "./notes.ts";
import type { Note, Written } from "./notes.ts";

const OUTBOX = "device-1/anonymous";
const TOPIC = "shared";

type Draft<T> = T extends object ? { -readonly [Field in keyof T]: Draft<T[Field]> } : T;

interface Case {
  notes: Notes;
  log: [Draft<LoggedPartition>, Draft<LoggedPartition>];
  replica: Draft<HeldPartition>;
  outboxes: Draft<OutboxRow>[];
  untold: string[];
  /** In the order of publishing: three of one key are in the log, one of another key is, too; one waits, one is in doubt. */
  records: Written[];
}

function logged({ key, value }: Written, offset: number, sequence = offset): Draft<LoggedRecord> {
  return {
    offset: BigInt(offset),
    key,
    value,
    leaderEpoch: 0,
    producerId: 7n,
    producerEpoch: 0,
    sequence,
  };
}

/** One tab that has published six records, of which four are delivered, and a replica of the first partition. */
function wellDone(): Case {
  const notes = new Notes();
  const publisher = { outbox: OUTBOX, tab: "tab-1", principal: "anonymous", topic: TOPIC };
  const records = ["a", "a", "b", "a", "b", "b"].map((key) => notes.publish(publisher, key, 10));
  for (const { id } of records) notes.hear({ kind: "queued", id });
  const [one, two, other, three, waiting, doubtful] = records as [
    Written,
    Written,
    Written,
    Written,
    Written,
    Written,
  ];
  for (const { id } of [one, two, other, three, doubtful])
    notes.note({ kind: "sent", id, principal: "anonymous" });
  const ofA = [one, two, three];
  for (const [offset, { id }] of ofA.entries())
    notes.hear({ kind: "delivered", id, topic: TOPIC, partition: 0, offset: String(offset) });
  notes.hear({ kind: "delivered", id: other.id, topic: TOPIC, partition: 1, offset: "0" });
  const place = { topic: TOPIC, logStartOffset: 0n };
  const rows = ofA.map((record, offset) => logged(record, offset));
  return {
    notes,
    records,
    log: [
      { ...place, partition: 0, highWatermark: 3n, records: rows },
      { ...place, partition: 1, highWatermark: 1n, records: [logged(other, 0)] },
    ],
    replica: {
      holder: "tab-1",
      topic: TOPIC,
      partition: 0,
      from: 0n,
      to: 3n,
      state: "live",
      records: ofA.map(({ key, value }, offset) => ({ key, value, offset: BigInt(offset) })),
    },
    outboxes: [
      { outbox: OUTBOX, key: waiting.key, value: waiting.value, state: "waiting", reason: undefined },
      {
        outbox: OUTBOX,
        key: doubtful.key,
        value: doubtful.value,
        state: "in doubt",
        reason: "never answered",
      },
    ],
    untold: [],
  };
}

function judged({ notes, log, replica, outboxes, untold }: Case): string[] {
  return judge({ notes, log, replicas: [replica], outboxes, untold } as Evidence);
}

function later({ notes }: Case, ...more: Note[]): void {
  for (const note of more) notes.note(note);
}

test("all is well: nothing is wrong", () => {
  expect(judged(wellDone())).toEqual([]);
});

test.each<[fault: string, named: string, plant: (done: Case) => void]>([
  [
    "a delivered record is not in the log",
    "acknowledged is durable: device-1/anonymous:3",
    ({ log, replica }) => {
      log[0].records.pop();
      log[0].highWatermark = 2n;
      replica.records.pop();
      replica.to = 2n;
    },
  ],
  [
    "another record is where it was delivered to",
    "acknowledged is durable: device-1/anonymous:0",
    ({ log: [{ records }] }) => {
      const [first, second] = records;
      if (first === undefined || second === undefined) throw new Error("there are no records");
      [first.value, second.value] = [second.value, first.value];
    },
  ],
  [
    "a delivered record is in the log twice",
    "nothing is twice: device-1/anonymous:0",
    ({ log: [partition], records: [first], replica }) => {
      if (first === undefined) throw new Error("there is no record");
      partition.records.push(logged(first, 3));
      partition.highWatermark = 4n;
      replica.records.push({ key: first.key, value: first.value, offset: 3n });
      replica.to = 4n;
    },
  ],
  [
    "a queued record has vanished",
    "queued does not vanish: device-1/anonymous:4",
    ({ outboxes }) => void outboxes.shift(),
  ],
  [
    "a queued record has vanished that was sent",
    "queued does not vanish: device-1/anonymous:5",
    ({ outboxes }) => void outboxes.pop(),
  ],
  [
    "a record is in doubt without a reason",
    "outboxes tell the truth: device-1/anonymous:5 is in doubt",
    ({ outboxes: [, doubtful] }) => {
      if (doubtful !== undefined) doubtful.reason = undefined;
    },
  ],
  [
    "a delivered record waits in the outbox",
    "outboxes tell the truth: device-1/anonymous:0 is waiting",
    ({ outboxes, records: [first] }) => {
      if (first !== undefined)
        outboxes.push({
          outbox: OUTBOX,
          key: first.key,
          value: first.value,
          state: "waiting",
          reason: undefined,
        });
    },
  ],
  [
    "a record that stands in the log waits in the outbox, to be sent once more",
    "outboxes tell the truth: device-1/anonymous:4 is waiting",
    ({ log: [, partition], records }) => {
      const waiting = records[4];
      if (waiting === undefined) throw new Error("there is no record");
      partition.records.push(logged(waiting, 1));
      partition.highWatermark = 2n;
    },
  ],
  [
    "records of one key are in another order than they were published in",
    "producers keep order: device-1/anonymous:1",
    ({ notes, log: [{ records }], replica }) => {
      const [, second, third] = records;
      if (second === undefined || third === undefined) throw new Error("there are no records");
      [second.value, third.value] = [third.value, second.value];
      replica.records.forEach((record, at) => (record.value = records[at]?.value ?? null));
      for (const event of notes.events)
        if (event.kind === "acknowledged" && event.offset > 0n)
          Object.assign(event, { offset: 3n - event.offset });
    },
  ],
  [
    "records of one key are in two partitions",
    "keys stay together: key b",
    ({ log: [partition], records, replica, outboxes }) => {
      const [, , , , waiting] = records;
      if (waiting === undefined) throw new Error("there is no record");
      outboxes.shift();
      partition.records.push(logged(waiting, 3));
      partition.highWatermark = 4n;
      replica.records.push({ key: waiting.key, value: waiting.value, offset: 3n });
      replica.to = 4n;
    },
  ],
  [
    "a value is not what was published",
    "nothing from nowhere: altered:device-1/anonymous:1(a)",
    ({ log: [{ records }] }) => {
      const [, second] = records;
      if (second !== undefined) second.value += ".";
    },
  ],
  [
    "a key is not what was published",
    "nothing from nowhere: altered:device-1/anonymous:1(b)",
    ({ log: [{ records }] }) => {
      const [, second] = records;
      if (second !== undefined) second.key = "b";
    },
  ],
  [
    "an offset has another value in the replica than in the log",
    "a replica is the log: the replica of shared-0 (topic id shared) at tab-1 (live) holds device-1/anonymous:0 at offset 1",
    ({ replica: { records } }) => {
      const [first, second] = records;
      if (second !== undefined) second.value = first?.value ?? null;
    },
  ],
  [
    "a replica has a hole",
    "a replica is the log: the replica of shared-0 (topic id shared) at tab-1 (live) lacks offset 1",
    ({ replica: { records } }) => void records.splice(1, 1),
  ],
  [
    "a replica holds what the log never had",
    "a replica is the log: the replica of shared-0 (topic id shared) at tab-1 (live) ends at 4",
    ({ replica, records: [first] }) => {
      replica.records.push({ key: first?.key ?? null, value: first?.value ?? null, offset: 3n });
      replica.to = 4n;
    },
  ],
  [
    "the log has a hole",
    "logs are whole: shared-0 (topic id shared) has nothing at offset 1",
    ({ log: [{ records }] }) => void records.splice(1, 1),
  ],
  [
    "two batches of a producer have one sequence",
    "sequences join: shared-0 (topic id shared) offset 2",
    ({ log: [{ records }] }) => {
      const [, , third] = records;
      if (third !== undefined) third.sequence = 1;
    },
  ],
  [
    "a record went out under another's name",
    "principals stay apart: device-1/anonymous:0 of anonymous was sent as bob",
    (done) => later(done, { kind: "sent", id: "device-1/anonymous:0", principal: "bob" }),
  ],
  [
    "a record is in another's outbox",
    "principals stay apart: device-1/anonymous:4 of device-1/anonymous is in the outbox of device-1/bob",
    ({ outboxes: [waiting] }) => {
      if (waiting !== undefined) waiting.outbox = "device-1/bob";
    },
  ],
  [
    "a record that the device had no room for is in the log",
    "it was refused",
    (done) => later(done, { kind: "refused", id: "device-1/anonymous:3", reason: "QuotaExceededError" }),
  ],
  [
    "a page is never told of a record that left its outbox",
    "promises are kept: device-1/anonymous:3",
    ({ untold }) => void untold.push("device-1/anonymous:3"),
  ],
])("%s: it is found", (_fault, named, plant) => {
  const done = wellDone();
  plant(done);
  expect(judged(done)).toContainEqual(expect.stringContaining(named));
});
