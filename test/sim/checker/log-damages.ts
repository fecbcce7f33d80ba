/** Logs that do not hold what they ought to. */
import { eventOf, insertAfter, remove, stored } from "./draft.ts";
import type { NewEvent } from "./draft.ts";
import { append, cutAt, KILLED, POWER_LOSS, putAt, readEachAlone, row, startAt, unread } from "./judge.ts";
import type { Damage } from "./judge.ts";
import { acknowledged, IDS, ORDERS, place, publish, read, sent } from "./sample.ts";

const [d1, d2, k1, one1, d3, one2] = IDS;

export const logDamages: readonly Damage[] = [
  [
    "acknowledged is durable",
    "the log ends before a record that was acknowledged with all",
    `${k1}, acknowledged (all) at 160.000 ms as orders-0 (topic id T1) offset 2, is lost: the log ends at 2`,
    (run) => {
      unread(run, 2);
      cutAt(run, 2);
      run.later(POWER_LOSS);
      run.history.outboxes.push(row(d3, "waiting"));
    },
  ],
  [
    "acknowledged is durable",
    "a process that was killed takes what was acknowledged with 1",
    `${one2}, acknowledged (1) at 260.000 ms as orders-0 (topic id T1) offset 5, is lost: the log ends at 5`,
    (run) => {
      unread(run, 5);
      cutAt(run, 5);
      run.later(KILLED);
    },
  ],
  [
    "acknowledged is durable",
    "a power loss before the record was sent does not excuse that it is gone",
    `${one2}, acknowledged (1) at 260.000 ms`,
    (run) => {
      unread(run, 5);
      cutAt(run, 5);
      insertAfter(run.history, eventOf(run.history, "publish", one2), POWER_LOSS);
    },
  ],
  [
    "acknowledged is durable",
    "a record behind it was read before the power loss, so it had been synced",
    `${one1}, acknowledged (1) at 190.000 ms as orders-0 (topic id T1) offset 3, is lost: kafka-one:9 stands there`,
    (run) => {
      run.history.events = run.history.events.filter((event) => event.kind !== "read" || event.id !== one1);
      run.history.events = run.history.events.filter((event) => event.kind !== "read from");
      for (const reader of ["reader-1", "reader-2"]) readEachAlone(run.history, reader);
      run.later(POWER_LOSS);
      insertAfter(run.history, eventOf(run.history, "acknowledged", k1), publish("kafka-one:9"));
      eventOf(run.history, "publish", "kafka-one:9").number = 1;
      putAt(run, 3, "kafka-one:9", { producerId: 9n });
    },
  ],
  [
    "acknowledged is durable",
    "another record stands at the offset that was acknowledged",
    `${k1}, acknowledged (all) at 160.000 ms as orders-0 (topic id T1) offset 1, is lost: ${d2} stands there, and it stands at offset 2`,
    ({ history }) => {
      eventOf(history, "acknowledged", k1).offset = 1n;
    },
  ],
  [
    "acknowledged is durable",
    "what was acknowledged without an offset is nowhere",
    "device-1/alice:4, acknowledged (all) at 491.000 ms as orders-0 (topic id T1), is lost: it is nowhere",
    ({ history, later }) => {
      later({ ...acknowledged("device-1/alice:4", 0), offset: -1n } as NewEvent);
      history.outboxes.shift();
    },
  ],
  [
    "acknowledged is durable",
    "a power loss does not take what was read back, if the record behind it is still there",
    `${d3}`,
    (run) => {
      run.later(POWER_LOSS);
      putAt(run, 4, "kafka-all:2", { producerId: 8n, sequence: 1, leaderEpoch: 1 });
      insertAfter(run.history, eventOf(run.history, "acknowledged", k1), publish("kafka-all:2"));
      insertAfter(run.history, eventOf(run.history, "unknown", d3), acknowledged(d3, 4));
      run.history.events = run.history.events.filter((event) => event.kind !== "read" || event.id !== d3);
      run.history.events = run.history.events.filter((event) => event.kind !== "read from");
      for (const reader of ["reader-1", "reader-2"]) readEachAlone(run.history, reader);
    },
    "relaxed",
  ],
  [
    "nothing is twice",
    "an idempotent record stands twice",
    `${k1} was sent 1 time and stands 2 times: orders-0 (topic id T1) offset 2, orders-0 (topic id T1) offset 6`,
    (run) => append(run, k1, { producerId: 8n, sequence: 1 }),
  ],
  [
    "nothing is twice",
    "a record that was sent twice stands twice",
    `${k1} stands 2 times, and may stand 1 time: orders-0 (topic id T1) offset 2, orders-0 (topic id T1) offset 6`,
    (run) => {
      run.later(sent(k1));
      append(run, k1, { producerId: 8n, sequence: 1 });
    },
  ],
  [
    "nothing is twice",
    "a record of an outbox stands in the topic and in its predecessor",
    `${d3} stands 2 times, and may stand 1 time: orders-0 (topic id T0) offset 0, orders-0 (topic id T1) offset 4`,
    ({ history }) => {
      const first = eventOf(history, "sent", d3);
      insertAfter(history, first, sent(d3));
      const old = { topicId: "T0", partition: 0 };
      insertAfter(history, first, { kind: "topic deletion asked", topic: "orders", topicId: "T0" });
      insertAfter(history, first, { kind: "read", reader: "old", ...old, offset: 0n, id: d3 });
      history.events.unshift({ kind: "topic created", topic: "orders", topicId: "T0", atMs: 1 });
    },
  ],
  [
    "nothing is twice",
    "what was refused for certain was retried, and stands twice",
    "device-1/alice:6 stands 2 times, and may stand 1 time",
    (run) => {
      const id = "device-1/alice:6";
      run.history.outboxes.pop();
      run.later({ kind: "decided", id, word: "retry" }, sent(id));
      append(run, id);
      append(run, id);
    },
  ],
  [
    "one offset, one record",
    "two readers read different records at one offset",
    `orders-0 (topic id T1) offset 2 was ${d1}, read by reader-3 at 491.000 ms, and is ${k1} in the log at the end`,
    ({ later }) => later(read("reader-3", 2, d1)),
  ],
  [
    "one offset, one record",
    "before the log's start two readers read different records at one offset",
    `orders-0 (topic id T1) offset 0 was ${d1}, acknowledged (all) at 70.000 ms, and was ${k1}, read by reader-3 at 493.000 ms`,
    (run) => {
      run.later({ kind: "retention", ...place, to: 1n }, publish("kafka-all:9"), read("reader-3", 0, k1));
      startAt(run, 1);
    },
  ],
  [
    "one offset, one record",
    "a log that may be set back holds another record without a power loss",
    `orders-0 (topic id T1) offset 2 was ${d1}, read by reader-3 at 491.000 ms, and is ${k1} in the log at the end`,
    ({ later }) => later(read("reader-3", 2, d1)),
    "relaxed",
  ],
  [
    "read is durable",
    "a record was read and is not in the log",
    "kafka-all:2 at orders-0 (topic id T1) offset 6, read by reader-3 at 493.000 ms, was never durable: at the end the log ends at 6",
    ({ later }) => later(publish("kafka-all:2"), sent("kafka-all:2"), read("reader-3", 6, "kafka-all:2")),
  ],
  [
    "read is durable",
    "a power loss excuses what was read in an ordinary topic no more than in any other",
    "kafka-all:2 at orders-0 (topic id T1) offset 6",
    ({ later }) => later(publish("kafka-all:2"), read("reader-3", 6, "kafka-all:2"), POWER_LOSS),
  ],
  [
    "read is durable",
    "a log that may be set back lost what was read, without a power loss after it was written",
    "kafka-all:2 at orders-0 (topic id T1) offset 6",
    ({ later }) => later(POWER_LOSS, publish("kafka-all:2"), read("reader-3", 6, "kafka-all:2")),
    "relaxed",
  ],
  [
    "producers keep order",
    "a record stands before one that its producer published earlier",
    `${d3}, published at 200.000 ms, stands at orders-0 (topic id T1) offset 4 behind device-1/alice:5 at offset 3, which was published later, at 300.000 ms`,
    (run) => {
      remove(run.history.events, eventOf(run.history, "acknowledged", one1));
      const early = eventOf(run.history, "publish", "device-1/alice:5");
      for (const event of run.history.events)
        if (event.kind === "read" && event.id === one1) event.id = "device-1/alice:5";
      run.history.outboxes.splice(1, 1);
      putAt(run, 3, early.id, { producerId: 7n, sequence: 2 });
      putAt(run, 4, d3, { producerId: 7n, sequence: 3, leaderEpoch: 1 });
      putAt(run, 5, one2, { producerId: 9n, leaderEpoch: 1 });
    },
  ],
  [
    "producers keep order",
    "a record stands before one of another tab that was queued before it was published",
    `${d1}, published at 40.000 ms, stands at orders-0 (topic id T1) offset 1 behind ${d2} at offset 0, which was published after it had been queued, at 80.000 ms`,
    (run) => {
      for (const event of run.history.events) {
        if (event.kind !== "read" && event.kind !== "acknowledged") continue;
        if (event.id === d1 || event.id === d2) event.id = event.id === d1 ? d2 : d1;
      }
      // Nobody had seen anything yet when the second was published.
      const events = run.history.events.filter((event) => event.kind !== "acknowledged" || event.offset > 1n);
      run.history.events = events;
      putAt(run, 0, d2, { producerId: 7n });
      putAt(run, 1, d1, { producerId: 7n, sequence: 1 });
    },
  ],
  [
    "time runs forward",
    "a record stands before one that had been read when it was published",
    "kafka-all:2, published at 461.000 ms, stands at orders-0 (topic id T1) offset 4, though offset 5 (kafka-one:2) had been read by reader-2.4 at 460.000 ms",
    (run) => {
      const { history } = run;
      history.events = history.events.filter((event) => event.kind !== "read" || event.id !== d3);
      history.events = history.events.filter((event) => event.kind !== "read from");
      history.events = history.events.filter((event) => event.kind !== "read" || event.reader !== "reader-1");
      const last = eventOf(history, "read", one2);
      last.atMs = 460;
      insertAfter(history, last, publish("kafka-all:2"));
      readEachAlone(history, "reader-2");
      history.readers.shift();
      history.outboxes.push({ producer: "device-1/alice", id: d3, state: "waiting", reason: undefined });
      putAt(run, 4, "kafka-all:2", { producerId: 8n, sequence: 1, leaderEpoch: 1 });
    },
  ],
  [
    "logs are whole",
    "a log has a hole",
    "orders-0 (topic id T1) has nothing at offset 6 of [0, 8)",
    (run) => {
      append(run, "device-1/alice:7");
      run.history.events = run.history.events.filter((event) => event.kind !== "read" || event.offset < 6n);
      insertAfter(run.history, eventOf(run.history, "read", d1), publish("kafka-all:2"));
      run.log.records.splice(
        6,
        1,
        stored(7, "device-1/alice:7", { producerId: 7n, sequence: 3, leaderEpoch: 1 }),
      );
      run.log.highWatermark = 8n;
      run.history.replicas.pop();
      run.history.readers.splice(0);
    },
  ],
  [
    "logs are whole",
    "a leader epoch falls",
    `orders-0 (topic id T1) offset 5 (${one2}) has leader epoch 0, after 1 before it`,
    (run) => putAt(run, 5, one2, { producerId: 9n, sequence: 1, leaderEpoch: 0 }),
  ],
  [
    "logs are whole",
    "a log starts where nobody asked it to",
    "orders-0 (topic id T1) starts at 2, and only what is before 1 was asked to go",
    (run) => {
      run.later({ kind: "retention", ...place, to: 1n });
      startAt(run, 2);
    },
  ],
  [
    "logs are whole",
    "what was gone for good is back",
    "orders-0 (topic id T1) starts at 0, and what is before 2 was gone for good at 492.000 ms",
    ({ later }) =>
      later({ kind: "retention", ...place, to: 2n }, { kind: "retention done", ...place, to: 2n }),
  ],
  [
    "sequences join",
    "a sequence is left out",
    `orders-0 (topic id T1) offset 5 (${one2}) has sequence 2 of producer id 9 epoch 0, and 1 was due after offset 3`,
    (run) => putAt(run, 5, one2, { producerId: 9n, sequence: 2, leaderEpoch: 1 }),
  ],
  [
    "sequences join",
    "a producer's epoch does not begin with sequence 0",
    "has sequence 1 of producer id 9 epoch 1, and 0 was due",
    (run) => putAt(run, 5, one2, { producerId: 9n, producerEpoch: 1, sequence: 1, leaderEpoch: 1 }),
  ],
  [
    "sequences join",
    "a producer's epoch falls",
    `orders-0 (topic id T1) offset 5 (${one2}) has epoch 2 of producer id 9, after 3 at offset 3`,
    (run) => {
      putAt(run, 3, one1, { producerId: 9n, producerEpoch: 3 });
      putAt(run, 5, one2, { producerId: 9n, producerEpoch: 2, leaderEpoch: 1 });
    },
  ],
  [
    "sequences join",
    "two producers have one producer id",
    `orders-0 (topic id T1) offset 2 (${k1}) was written under producer id 7, which belongs to device-1/alice`,
    (run) => {
      putAt(run, 2, k1, { producerId: 7n, sequence: 2 });
      putAt(run, 4, d3, { producerId: 7n, sequence: 3, leaderEpoch: 1 });
    },
  ],
  [
    "topics are there",
    "a topic is gone that nobody deleted",
    "topic orders (topic id T1) is gone, and nobody deleted it",
    ({ history }) => history.partitions.splice(0),
  ],
  [
    "topics are there",
    "a deleted topic is back",
    "topic orders (topic id T1) was deleted at 491.000 ms, and is there at the end",
    ({ later }) => later({ kind: "topic deleted", topic: "orders", topicId: ORDERS }),
  ],
  [
    "topics are there",
    "a partition is gone",
    "partition 1 of topic orders (topic id T1) is not there at the end",
    ({ later }) => later({ kind: "read from", reader: "reader-3", topicId: ORDERS, partition: 1, from: 0n }),
  ],
  [
    "topics are there",
    "two topics have one name",
    "topic orders (topic id T2) and topic id T1 have one name",
    ({ history, log }) => history.partitions.push({ ...log, topicId: "T2", records: [], highWatermark: 0n }),
  ],
];
