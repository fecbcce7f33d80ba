/** Readers, replicas and outboxes that do not hold or tell what they ought to. */
import { eventOf, insertAfter, remove, stored } from "./draft.ts";
import type { HistoryDraft } from "./draft.ts";
import { append, keyInTwoPartitions, row, startAt } from "./judge.ts";
import type { Damage, Run } from "./judge.ts";
import { IDS, place, publish, read } from "./sample.ts";

const [d1, d2, k1, , d3, one2] = IDS;

export const clientDamages: readonly Damage[] = [
  [
    "readers miss nothing",
    "a reader skips a record",
    `reader-1 read ${k1} at orders-0 (topic id T1) offset 2 at 400.000 ms, from offset 2 on, and skipped offset 1 of orders-0 (topic id T1) without a word`,
    ({ history }) => remove(history.events, eventOf(history, "read", d2)),
  ],
  [
    "readers miss nothing",
    "a reader reads a record twice",
    `reader-1 read ${d1} at orders-0 (topic id T1) offset 0 at 121.000 ms, from offset 0 on, when offset 1 of orders-0 (topic id T1) was next: it went back`,
    ({ history }) => insertAfter(history, eventOf(history, "read", d1), read("reader-1", 0, d1)),
  ],
  [
    "readers miss nothing",
    "a reader begins behind where it wanted to",
    "and skipped offset 0 of",
    ({ history }) => remove(history.events, eventOf(history, "read", d1)),
  ],
  [
    "readers miss nothing",
    "a reader of the earliest begins behind the log's start",
    `reader-3 began at 492.000 ms at orders-0 (topic id T1) offset 1, and wanted the earliest: offset 0 was not asked to go`,
    ({ later }) =>
      later(
        { kind: "read from", reader: "reader-3", ...place, from: undefined, earliest: true },
        read("reader-3", 1, d2),
      ),
  ],
  [
    "readers miss nothing",
    "a reader is told a gap that nobody made",
    "reader-3 was told at 492.000 ms that [0, 2) of orders-0 (topic id T1) is gone, and only what is before 0 was asked to go",
    ({ later }) =>
      later(
        { kind: "read from", reader: "reader-3", ...place, from: 0n },
        { kind: "gap", reader: "reader-3", ...place, from: 0n, to: 2n },
        { kind: "retention", ...place, to: 2n },
      ),
  ],
  [
    "readers miss nothing",
    "a reader goes back in a log that may be set back, without a power loss",
    "it went back",
    ({ history }) => insertAfter(history, eventOf(history, "read", d1), read("reader-1", 0, d1)),
    "relaxed",
  ],
  [
    "deleted is not read",
    "a reader gets what was gone for good when it began",
    `reader-3 read ${d1} at orders-0 (topic id T1) offset 0 at 494.000 ms, and everything before 2 was gone for good at 492.000 ms`,
    (run) => {
      run.later(
        { kind: "retention", ...place, to: 2n },
        { kind: "retention done", ...place, to: 2n },
        { kind: "read from", reader: "reader-3", ...place, from: 0n, askedMs: 493 },
        read("reader-3", 0, d1),
      );
      startAt(run, 2);
    },
  ],
  [
    "readers reach the end",
    "a reader is stuck",
    "reader-2 wants offset 5 of orders-0 (topic id T1) next, and the log ends at 6",
    ({ history }) => {
      history.events.pop();
      const reader = history.readers[1];
      if (reader !== undefined) reader.next = 5n;
    },
  ],
  [
    "readers reach the end",
    "a reader says that it is at the end, and has not read the last record",
    "reader-2 wants offset 6 of orders-0 (topic id T1) next, and never got offset 5",
    ({ history }) => void history.events.pop(),
  ],
  ...replicaDamages(),
  [
    "queued does not vanish",
    "a queued record is nowhere",
    "device-1/alice:5, queued at 310.000 ms, never sent, has vanished: neither in an outbox nor in the log",
    ({ history }) => history.outboxes.splice(1, 1),
  ],
  [
    "queued does not vanish",
    "the device was wiped before the record was published",
    "device-1/alice:4, queued at 280.000 ms, last sent at 290.000 ms, has vanished",
    ({ history }) => {
      history.outboxes.shift();
      history.events.unshift({ kind: "device wiped", producer: "device-1/alice", outbox: true, atMs: 1 });
    },
  ],
  [
    "queued does not vanish",
    "the browser left the outbox alone when it wiped the device",
    "device-1/alice:5, queued at 310.000 ms",
    ({ history, later }) => {
      history.outboxes.splice(1, 1);
      later({ kind: "device wiped", producer: "device-1/alice", outbox: false });
    },
  ],
  [
    "queued does not vanish",
    "a record vanishes after the app wanted it sent once more",
    "device-1/alice:6",
    ({ history, later }) => {
      history.outboxes.pop();
      later({ kind: "decided", id: "device-1/alice:6", word: "retry" });
    },
  ],
  [
    "outboxes tell the truth",
    "a record is in doubt without a reason",
    "device-1/alice:4 is in doubt in the outbox of device-1/alice without a reason",
    ({ history }) => {
      const [row] = history.outboxes;
      if (row !== undefined) row.reason = "";
    },
  ],
  [
    "outboxes tell the truth",
    "a record was acknowledged and still waits",
    `${d1} is waiting in the outbox of device-1/alice, though it was acknowledged at 70.000 ms`,
    ({ history }) => history.outboxes.push(row(d1, "waiting")),
  ],
  [
    "outboxes tell the truth",
    "a record is in the log and still waits after healing",
    `${d3} is sending in the outbox of device-1/alice after all was healed, and stands at orders-0 (topic id T1) offset 4`,
    ({ history }) => history.outboxes.push(row(d3, "sending")),
  ],
  [
    "outboxes tell the truth",
    "a record is held, and in the log",
    `${d3} is held in the outbox of device-1/alice (made anew), and stands at`,
    ({ history }) => history.outboxes.push({ ...row(d3, "held"), reason: "made anew" }),
  ],
  [
    "outboxes tell the truth",
    "a record is twice in an outbox",
    "device-1/alice:5 is 2 times in the outbox of device-1/alice",
    ({ history }) => history.outboxes.push(row("device-1/alice:5", "waiting")),
  ],
  [
    "principals stay apart",
    "a record is sent under another account",
    `${d2} of alice was sent as bob at 100.000 ms`,
    ({ history }) => {
      eventOf(history, "sent", d2).principal = "bob";
    },
  ],
  [
    "principals stay apart",
    "a record is in the outbox of another account",
    "device-1/alice:5 of device-1/alice is in the outbox of device-1/bob",
    ({ history }) => {
      const waiting = history.outboxes[1];
      if (waiting !== undefined) waiting.producer = "device-1/bob";
    },
  ],
  [
    "nothing from nowhere",
    "a record that nobody published is in the log",
    "kafka-all:2 at orders-0 (topic id T1) offset 6, in the log at the end: it was never published",
    (run) => {
      append(run, "kafka-all:2");
      run.history.events = run.history.events.filter(
        (event) => !("id" in event) || event.id !== "kafka-all:2",
      );
      for (const reader of run.history.readers) reader.next = 7n;
      run.history.readers.splice(0);
    },
  ],
  [
    "nothing from nowhere",
    "a record is read before it was published",
    `kafka-all:2 comes from nowhere: "read" at 491.000 ms, and it was published at 493.000 ms`,
    (run) => {
      append(run, "kafka-all:2");
      run.later(publish("kafka-all:2"));
    },
  ],
  [
    "nothing from nowhere",
    "a record that nobody published is read from a topic that is gone",
    `ghost:1 comes from nowhere: "read" at 491.000 ms, and it was never published`,
    ({ later }) =>
      later(
        { kind: "read", reader: "reader-3", topicId: "T0", partition: 0, offset: 0n, id: "ghost:1" },
        { kind: "topic deleted", topic: "orders", topicId: "T0" },
      ),
  ],
  [
    "nothing from nowhere",
    "a record is in an outbox that nobody published",
    "ghost:1 in the outbox of device-1/alice comes from nowhere",
    ({ history }) => history.outboxes.push(row("ghost:1", "waiting")),
  ],
  [
    "nothing from nowhere",
    "a record stands in another topic than it was published to",
    `${one2} at orders-0 (topic id T1) offset 5, in the log at the end: it was published to drafts`,
    ({ history }) => {
      eventOf(history, "publish", one2).topic = "drafts";
    },
  ],
  [
    "nothing from nowhere",
    "a record stands in another topic of that name than the one that it was meant for",
    `${d1} at orders-0 (topic id T1) offset 0, in the log at the end: it was published for the topic with id T0`,
    ({ history }) => {
      eventOf(history, "publish", d1).topicId = "T0";
    },
  ],
  [
    "nothing from nowhere",
    "a refused record is in the log",
    `${d3} at orders-0 (topic id T1) offset 4, in the log at the end: it was refused at 491.000 ms (no)`,
    ({ later }) => later({ kind: "refused", id: d3, reason: "no" }),
  ],
  [
    "nothing from nowhere",
    "a record is read from a topic that was deleted before it was published",
    "kafka-all:9 at orders-0 (topic id T0) offset 0, read by reader-3 at 493.000 ms: it was published at 492.000 ms, after the topic was deleted at 491.000 ms",
    ({ later }) =>
      later({ kind: "topic deleted", topic: "orders", topicId: "T0" }, publish("kafka-all:9"), {
        kind: "read",
        reader: "reader-3",
        topicId: "T0",
        partition: 0,
        offset: 0n,
        id: "kafka-all:9",
      }),
  ],
  [
    "nothing from nowhere",
    "two records have one id",
    `${d1} was published twice`,
    ({ history }) => insertAfter(history, eventOf(history, "sent", d1), publish(d1, { key: "a" })),
  ],
  [
    "keys stay together",
    "records with one key are in two partitions",
    `key a of device-1/alice is in 2 partitions: ${d1} at orders-0 (topic id T1) offset 0, device-1/alice:5 at orders-1 (topic id T1) offset 0`,
    (run) => keyInTwoPartitions(run),
  ],
];

function replicaDamages(): readonly Damage[] {
  const holder = "the replica of orders-0 (topic id T1) at device-1/alice/tab-1 (live)";
  type Replica = HistoryDraft["replicas"][number];
  const change =
    (act: (replica: Replica) => void) =>
    ({ history }: Run): void =>
      history.replicas.forEach(act);
  const fields: [Partial<Replica["records"][number]>, string][] = [
    [{ id: d1 }, `${holder} holds ${d1} at offset 2: its id is ${d1}, and ${k1} (${k1}) in the log`],
    [{ leaderEpoch: 1 }, `${holder} holds ${k1} at offset 2: its leaderEpoch is 1, and 0 (${k1}) in the log`],
    [{ producerId: 9n }, "its producerId is 9, and 8"],
    [{ producerEpoch: 1 }, "its producerEpoch is 1, and 0"],
    [{ sequence: 1 }, "its sequence is 1, and 0"],
  ];
  const rule = "a replica is the log";
  return [
    ...fields.map(([field, words]): Damage => [
      rule,
      `a replica holds another ${Object.keys(field).join()}`,
      words,
      change(({ records }) => void Object.assign(records[2] ?? {}, field)),
    ]),
    [
      rule,
      "a replica lacks a record",
      `${holder} lacks offset 2 of [0, 6)`,
      change(({ records }) => void records.splice(2, 1)),
    ],
    [
      rule,
      "a replica holds a record twice",
      `${holder} holds ${d1} at offset 0, when offset 1 was next`,
      change(({ records }) => void records.splice(1, 0, stored(0, d1, { producerId: 7n }))),
    ],
    [
      rule,
      "a live replica is behind",
      `${holder} ends at 5, and the log ends at 6`,
      change((replica) => {
        replica.records.pop();
        replica.to = 5n;
      }),
    ],
    [
      rule,
      "a replica is ahead of the log",
      "(waiting) ends at 7, and the log ends at 6",
      change((replica) => {
        replica.records.push(stored(6, one2));
        replica.to = 7n;
        replica.state = "waiting";
      }),
    ],
    [
      rule,
      "a replica has lost its beginning",
      `${holder} begins at 1, and the log at 0: only what is before 0 was asked to go`,
      change((replica) => {
        replica.records.shift();
        replica.from = 1n;
      }),
    ],
  ];
}
