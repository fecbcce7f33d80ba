/** What the checker says of logs that do not keep everything: nothing where it was due, and the rule's name where it was not. */
import { describe, expect, test } from "vitest";
import { check } from "./checker/check.ts";
import { stored, type HistoryDraft } from "./checker/draft.ts";
import { rulesOf } from "./checker/judge.ts";
import { ORDERS, place } from "./checker/sample.ts";
import type { CompactionKeeping, Keeping } from "./keeping.ts";

const LAG_MS = 100;
const TOMBSTONES_MS = 500;
const RETENTION_MS = 1000;
const COMPACTION: CompactionKeeping = {
  minLagMs: LAG_MS,
  deleteRetentionMs: TOMBSTONES_MS,
  tombstoneRate: 0,
  mayBeReplicated: true,
};

interface Given {
  readonly key: string | null;
  readonly atMs: number;
  readonly isTombstone?: boolean;
}

/** A history of one producer whose records were all acknowledged, by offset, when they were published. */
function historyOf(given: readonly Given[]): HistoryDraft {
  const producer = { producer: "kafka-all", principal: "kafka-all", topic: "orders", idempotent: true };
  const events = given.flatMap(({ key, atMs, isTombstone = false }, number) => {
    const id = `kafka-all:${number}`;
    const offset = BigInt(number);
    return [
      { kind: "publish", id, number, key, isTombstone, ...producer, atMs } as const,
      { kind: "sent", id, principal: "kafka-all", atMs } as const,
      { kind: "acknowledged", id, ...place, offset, level: "all", atMs } as const,
    ];
  });
  const records = given.map((_, number) => stored(number, `kafka-all:${number}`, { sequence: number }));
  const highWatermark = BigInt(given.length);
  const log = { ...place, topic: "orders", logStartOffset: 0n, highWatermark, records };
  const created = { kind: "topic created", topic: "orders", topicId: ORDERS, atMs: 0 } as const;
  return {
    events: [created, ...events],
    partitions: [log],
    replicas: [],
    outboxes: [],
    readers: [],
    groups: [],
  };
}

/** The rules that are broken, when the logs were read at `readMs`. */
function broken(history: HistoryDraft, readMs: number, settings: Partial<Keeping>): string[] {
  const none = { retentionMs: undefined, retentionBytes: undefined, compaction: undefined };
  const keeping = new Map([["orders", { configs: new Map(), ...none, ...settings }]]);
  return rulesOf(check(history, { relaxedTopics: new Set(), keeping, readMs }));
}

/** What is left when these offsets are taken out of the log. */
function without(history: HistoryDraft, ...offsets: readonly number[]): HistoryDraft {
  for (const log of history.partitions)
    log.records = log.records.filter(({ offset }) => !offsets.includes(Number(offset)));
  return history;
}

const compacted = { compaction: COMPACTION };
const LOST = ["acknowledged is durable", "logs are whole"];

describe("of a compacted log", () => {
  const values = (): HistoryDraft =>
    historyOf([
      { key: "a", atMs: 0 },
      { key: "b", atMs: 10 },
      { key: "a", atMs: 50 },
    ]);

  test("what is superseded may be gone, and nothing else", () => {
    expect(broken(without(values(), 0), 1000, compacted)).toEqual([]);
    expect(broken(without(values(), 0), 1000, {})).toEqual(LOST);
    for (const last of [1, 2]) expect(broken(without(values(), last), 1000, compacted)).toEqual(LOST);
  });

  test("what is younger than the lag is there, and whatever only that supersedes", () => {
    expect(broken(without(values(), 0), 50 + LAG_MS, compacted)).toEqual([]);
    expect(broken(without(values(), 0), 49 + LAG_MS, compacted)).toEqual(LOST);
  });

  test("a tombstone may be gone when its time has come", () => {
    const deleted = (): HistoryDraft =>
      historyOf([
        { key: "a", atMs: 0 },
        { key: "a", atMs: 50, isTombstone: true },
        { key: "b", atMs: 60 },
      ]);
    expect(broken(without(deleted(), 0), 300, compacted)).toEqual([]);
    expect(broken(without(deleted(), 0, 1), 50 + TOMBSTONES_MS, compacted)).toEqual([]);
    expect(broken(without(deleted(), 0, 1), 49 + TOMBSTONES_MS, compacted)).toEqual(LOST);
  });

  test("a reader has skipped what was still the last of its key", () => {
    const readers = (skippedAtMs: number): HistoryDraft => {
      const history = values();
      const reader = { reader: "consumer-1", ...place };
      const read = { kind: "read", ...reader, offset: 2n, id: "kafka-all:2" } as const;
      history.events.push(
        { kind: "read from", ...reader, from: 1n, askedMs: 60, atMs: 60 },
        { ...read, atMs: skippedAtMs },
      );
      return history;
    };
    expect(broken(readers(1000), 1000, compacted)).toEqual(["readers miss nothing"]);
  });

  test("a live replica holds nothing of a key that was deleted", () => {
    const history = historyOf([
      { key: "a", atMs: 0 },
      { key: "a", atMs: 50, isTombstone: true },
      { key: "b", atMs: 60 },
    ]);
    const held = [0, 2].map((number) => stored(number, `kafka-all:${number}`, { sequence: number }));
    const replica = { ...place, holder: "device-1/alice/tab-1", from: 0n, to: 3n, state: "live" };
    without(history, 0, 1);
    history.replicas = [{ ...replica, records: held }];
    expect(broken(history, 1000, compacted)).toEqual(["replicas forget"]);
    history.replicas = [{ ...replica, records: held.slice(1) }];
    expect(broken(history, 1000, compacted)).toEqual([]);
  });
});

describe("of a log that begins later", () => {
  const startedAt = (atMs: number, leftBytes: number | undefined): HistoryDraft => {
    const history = historyOf([
      { key: null, atMs: 0 },
      { key: null, atMs: 50 },
      { key: null, atMs: 60 },
    ]);
    history.events.push({ kind: "log start", ...place, to: 2n, leftBytes, atMs });
    const [log] = history.partitions;
    if (log !== undefined) Object.assign(log, { logStartOffset: 2n, records: log.records.slice(2) });
    return history;
  };

  test("all that has gone was too old", () => {
    const aging = { retentionMs: RETENTION_MS };
    expect(broken(startedAt(51 + RETENTION_MS, 100), 5000, aging)).toEqual([]);
    expect(broken(startedAt(40 + RETENTION_MS, 100), 5000, aging)).toEqual(["retention takes what is due"]);
    expect(broken(startedAt(5000, 100), 5000, {})).toEqual(["retention takes what is due"]);
  });

  test("or enough is left", () => {
    const sized = { retentionBytes: 1000 };
    expect(broken(startedAt(70, 1000), 5000, sized)).toEqual([]);
    expect(broken(startedAt(70, 999), 5000, sized)).toEqual(["retention takes what is due"]);
  });

  test("or somebody has asked for it", () => {
    const history = startedAt(70, 100);
    const at = history.events.findIndex(({ kind }) => kind === "log start");
    history.events.splice(at, 0, { kind: "retention", ...place, to: 2n, atMs: 65 });
    expect(broken(history, 5000, {})).toEqual([]);
  });

  test("stays so, once it was seen to move", () => {
    const history = startedAt(2000, 100);
    history.events.push({ kind: "log start", ...place, to: 3n, leftBytes: 0, atMs: 3000 });
    expect(broken(history, 5000, { retentionMs: RETENTION_MS })).toEqual(["logs are whole"]);
  });
});

test("a log holds no segment more than its retention.bytes", () => {
  const history = historyOf([{ key: null, atMs: 0 }]);
  const [log] = history.partitions;
  if (log !== undefined) log.size = { bytes: 1000, beforeBytes: 1001 };
  expect(broken(history, 5000, {})).toEqual([]);
  if (log !== undefined) log.size = { bytes: 1001, beforeBytes: 1001 };
  expect(broken(history, 5000, {})).toEqual(["retention is done"]);
});
