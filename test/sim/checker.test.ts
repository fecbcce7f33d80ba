import { describe, expect, test } from "vitest";
import { check } from "./checker/check.ts";
import { clientDamages } from "./checker/client-damages.ts";
import { eventOf, insertAfter, stored } from "./checker/draft.ts";
import type { NewEvent } from "./checker/draft.ts";
import { groupDamages, groupExcuses } from "./checker/group-damages.ts";
import {
  append,
  cutAt,
  judge,
  keyInTwoPartitions,
  POWER_LOSS,
  rulesOf,
  startAt,
  unread,
} from "./checker/judge.ts";
import type { Run } from "./checker/judge.ts";
import { logDamages } from "./checker/log-damages.ts";
import { acknowledged, IDS, ORDERS, place, publish, read, sample, sent } from "./checker/sample.ts";

const [d1, d2, k1, , d3, one2] = IDS;

test("a run in which everything went well passes", () => {
  expect(judge(() => undefined)).toEqual([]);
});

describe("what is damaged is told, in the words of one rule", () => {
  test.each([...logDamages, ...clientDamages, ...groupDamages])(
    "%s: %s",
    (rule, _damage, words, act, relaxed) => {
      const broken = judge(act, relaxed === "relaxed");
      expect(broken.join("\n")).toContain(words);
      expect(rulesOf(broken)).toEqual([rule]);
    },
  );

  test("a rule that is broken often tells the first five, and how many more", () => {
    const broken = judge(({ history }) => {
      for (const record of history.replicas.flatMap(({ records }) => records)) record.sequence += 1;
    });
    expect(broken.length).toBe(6);
    expect(broken[4]).toContain("at offset 4: its sequence is 3, and 2");
    expect(broken[5]).toBe("a replica is the log: and 1 more");
  });
});

/** What looks like damage and is none. */
const excused: [title: string, act: (run: Run) => void, relaxed?: "relaxed"][] = [
  [
    "a power loss takes what was acknowledged with 1",
    (run) => {
      unread(run, 5);
      cutAt(run, 5);
      run.later(POWER_LOSS);
    },
  ],
  [
    "a power loss after the record was sent, though before its answer arrived, takes it",
    (run) => {
      unread(run, 5);
      cutAt(run, 5);
      insertAfter(run.history, eventOf(run.history, "sent", one2), POWER_LOSS);
    },
  ],
  [
    "a failed sync takes what was acknowledged with 1",
    (run) => {
      unread(run, 5);
      cutAt(run, 5);
      run.later({ kind: "writes lost" });
    },
  ],
  [
    "retention takes what was acknowledged, and readers and replicas begin behind it",
    (run) => {
      run.later({ kind: "retention", ...place, to: 3n });
      startAt(run, 2);
      run.later(
        { kind: "read from", reader: "reader-3", ...place, from: 1n },
        { kind: "gap", reader: "reader-3", ...place, from: 1n, to: 2n },
        read("reader-3", 2, k1),
        { kind: "read from", reader: "reader-4", ...place, from: undefined, earliest: true },
        read("reader-4", 2, k1),
      );
    },
  ],
  [
    "a deleted topic takes everything",
    ({ history, later }) => {
      later({ kind: "topic deletion asked", topic: "orders", topicId: ORDERS });
      history.partitions.splice(0);
    },
  ],
  [
    "a record whose answer was lost goes with its topic",
    ({ history, later }) => {
      later({ kind: "topic deleted", topic: "orders", topicId: ORDERS });
      history.partitions.splice(0);
      history.replicas.splice(0);
      history.events = history.events.filter((event) => event.kind !== "read");
    },
  ],
  [
    "the app wanted a record in doubt once more, and it stands twice, out of order",
    (run) => {
      run.history.outboxes.shift();
      run.later({ kind: "decided", id: "device-1/alice:4", word: "retry" }, sent("device-1/alice:4"));
      append(run, "device-1/alice:4");
      append(run, "device-1/alice:4");
    },
  ],
  [
    "a refused record that the app wanted sent once more is in the log",
    (run) => {
      run.history.outboxes.pop();
      run.later({ kind: "decided", id: "device-1/alice:6", word: "retry" }, sent("device-1/alice:6"));
      append(run, "device-1/alice:6");
    },
  ],
  [
    "a Kafka client sends again to a topic that was made anew",
    ({ history }) => {
      const first = eventOf(history, "sent", k1);
      insertAfter(history, first, sent(k1));
      insertAfter(history, first, { kind: "topic deleted", topic: "orders", topicId: "T0" });
      insertAfter(history, first, {
        kind: "read",
        reader: "old",
        topicId: "T0",
        partition: 0,
        offset: 0n,
        id: k1,
      });
    },
  ],
  [
    "a producer that is not idempotent sends twice, and it stands twice",
    (run) => {
      eventOf(run.history, "publish", k1).idempotent = false;
      run.later(sent(k1));
      append(run, k1);
    },
  ],
  [
    "records of two tabs that were published at the same time stand in either order",
    ({ history }) => {
      eventOf(history, "publish", d1).number = 2;
      eventOf(history, "publish", d2).number = 1;
    },
  ],
  [
    "an outbox goes with its device",
    ({ history, later }) => {
      history.outboxes.splice(0);
      later({ kind: "device wiped", producer: "device-1/alice", outbox: true });
    },
  ],
  [
    "a topic got more partitions, and its keys moved",
    (run) => {
      run.later({ kind: "partitions asked", topicId: ORDERS, count: 2 });
      keyInTwoPartitions(run);
    },
  ],
  [
    "a record acknowledged without an offset is in the log",
    ({ later }) => later({ ...acknowledged(d3, 0), offset: -1n } as NewEvent),
  ],
  [
    "a replica that is not live is behind",
    ({ history }) => {
      for (const replica of history.replicas) {
        replica.records.pop();
        replica.to = 5n;
        replica.state = "waiting";
      }
    },
  ],
  [
    "a power loss sets a log back that counts written as synced: what was read and acknowledged is gone, readers go back",
    (run) => {
      run.later(POWER_LOSS);
      cutAt(run, 4);
      run.later(publish("kafka-all:2"), sent("kafka-all:2"), { ...acknowledged("kafka-all:2", 4) });
      for (const { records } of [run.log, ...run.history.replicas])
        records.push(stored(4, "kafka-all:2", { producerId: 8n, sequence: 1, leaderEpoch: 2 }));
      run.log.highWatermark = 5n;
      for (const replica of run.history.replicas) replica.to = 5n;
      run.later(read("reader-1", 4, "kafka-all:2"), read("reader-2", 4, "kafka-all:2"));
      for (const reader of run.history.readers) reader.next = 5n;
    },
    "relaxed",
  ],
  [
    "a replica that has not heard of the power loss holds what is gone",
    (run) => {
      const [replica] = run.history.replicas;
      if (replica === undefined) throw new Error("the sample has a replica");
      run.history.replicas = [];
      run.later(POWER_LOSS);
      cutAt(run, 4);
      run.history.replicas = [{ ...replica, state: "waiting" }];
    },
    "relaxed",
  ],
];

describe("what looks like damage and is none passes", () => {
  test.each([...excused, ...groupExcuses])("%s", (_title, act, relaxed) => {
    expect(judge(act, relaxed === "relaxed")).toEqual([]);
  });

  test("offsets that hold no record, where compaction has left holes", () => {
    const history = sample();
    const without = <Item extends { offset: bigint }>(list: Item[]): Item[] =>
      list.filter(({ offset }) => offset !== 3n);
    for (const holder of [...history.partitions, ...history.replicas])
      holder.records = without(holder.records);
    history.events = history.events.filter((event) => event.kind !== "read" || event.offset !== 3n);
    for (const record of [...history.partitions, ...history.replicas].flatMap(({ records }) => records))
      if (record.id === one2) record.sequence = 0;
    const relaxedTopics = new Set<string>();
    // What nobody has seen, or only somebody whose record might go, may have been superseded by anybody's.
    const compaction = { minLagMs: 0, deleteRetentionMs: 0, tombstoneRate: 0, mayBeReplicated: true };
    const compacted = { configs: new Map(), retentionMs: undefined, retentionBytes: undefined, compaction };
    const keeping = new Map([["orders", compacted]]);
    expect(check(history, { relaxedTopics, keeping })).toEqual([]);
    expect(rulesOf(check(history, { relaxedTopics }))).toContain("logs are whole");
  });
});
