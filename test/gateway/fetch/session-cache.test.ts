/** How many fetch sessions are kept, and which of them go. */
import { describe, expect, it } from "vitest";
import type { AskedPartition, FetchReading, PartitionAnswer } from "../../../gateway/api/fetch-read.ts";
import { FetchSession } from "../../../gateway/api/fetch-session.ts";
import { FetchSessions } from "../../../gateway/api/fetch-sessions.ts";
import type { PartitionLog } from "../../../log/partition-log.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { ZERO_UUID } from "../../../wire/schema.ts";
import { Random } from "../../engine/random.ts";
import { VirtualClock } from "../../sync/virtual-clock.ts";

const EVICTION_MS = 120_000;

function cache(slots: number) {
  const clock = new VirtualClock();
  const random = new Random(1);
  const cluster = { onTopicsChanged: () => () => {} };
  const sessions = new FetchSessions({ cluster, clock, slots, random: () => random.bytes(16) });
  const create = (partitions: number): number => sessions.create(false, topics(partitions), []);
  return { clock, sessions, create };
}

function topics(partitions: number, from = 0, topic = "t") {
  const asked = Array.from({ length: partitions }, (_, index) => ({
    partition: from + index,
    currentLeaderEpoch: -1,
    fetchOffset: 0n,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1000,
  }));
  return [{ topic, topicId: ZERO_UUID, partitions: asked }];
}

function sessionOf(sessions: FetchSessions, id: number): FetchSession {
  const session = sessions.find(id);
  if (session === undefined) throw new Error(`session ${id} is gone`);
  return session;
}

describe("the cache of fetch sessions", () => {
  it("gives no session when every slot is taken by who is active", () => {
    const { sessions, create } = cache(2);
    const ids = [create(1), create(1)];
    expect(new Set(ids).size).toBe(2);
    expect(create(50)).toBe(0);
    expect(ids.map((id) => sessions.find(id) !== undefined)).toEqual([true, true]);
    expect(cache(0).create(1)).toBe(0);
  });

  it("gives the slot of who was not used for longest, once that is long", () => {
    const { clock, sessions, create } = cache(2);
    const [first, second] = [create(1), create(1)];
    clock.jump(EVICTION_MS);
    sessions.change(sessionOf(sessions, first), topics(1), []);
    expect(create(1)).toBe(0);
    clock.jump(1);
    const third = create(1);
    expect(third).toBeGreaterThan(0);
    expect(sessions.find(second)).toBeUndefined();
    expect(sessions.find(first)).toBeDefined();
    expect(sessions.size).toBe(2);
  });

  it("gives the slot of a smaller session that is not new to a larger one, as Kafka does", () => {
    const { clock, sessions, create } = cache(2);
    const [large, small] = [create(9), create(3)];
    clock.jump(EVICTION_MS + 1);
    for (const id of [large, small]) sessions.change(sessionOf(sessions, id), [], []);
    expect(create(3)).toBe(0);
    expect(create(4)).toBeGreaterThan(0);
    expect(sessions.find(small)).toBeUndefined();
    expect(sessions.find(large)).toBeDefined();
    // The new one is larger than that, but everybody is new or larger.
    expect(create(8)).toBe(0);
  });

  it("counts the partitions that are held", () => {
    const { sessions, create } = cache(10);
    const id = create(5);
    create(7);
    expect(sessions.partitions).toBe(12);
    const session = sessionOf(sessions, id);
    sessions.change(session, topics(4, 3), [{ topic: "t", topicId: ZERO_UUID, partitions: [0, 1, 99] }]);
    expect([session.size, sessions.partitions]).toEqual([5, 12]);
    sessions.close(id);
    expect(sessions.partitions).toBe(7);
    sessions.closeAll();
    expect([sessions.partitions, sessions.size]).toEqual([0, 0]);
  });

  it("bounds the partitions of one session, and of all", () => {
    const { sessions, create } = cache(100);
    expect(create(20_001)).toBe(0);
    const grows = create(19_999);
    sessions.change(sessionOf(sessions, grows), topics(1, 20_000), []);
    sessions.change(sessionOf(sessions, grows), topics(1, 30_000), []);
    expect(sessions.find(grows)).toBeUndefined();
    for (let n = 0; n < 5; n++) expect(create(20_000)).toBeGreaterThan(0);
    expect(create(1)).toBe(0);
    expect([sessions.size, sessions.partitions]).toEqual([5, 100_000]);
  });

  it("keeps no name that no topic can have", () => {
    const { sessions, create } = cache(10);
    const name = "n".repeat(250);
    expect(sessions.create(false, topics(1, 0, name), [])).toBe(0);
    const id = create(1);
    sessions.change(sessionOf(sessions, id), topics(1, 0, name), []);
    expect(sessions.find(id)).toBeUndefined();
  });
});

it("a session that is closed while it is read listens to nobody afterwards", async () => {
  const session = new FetchSession(1, false, 0);
  session.ask(topics(3));
  let listeners = 0;
  const listen = () => {
    listeners++;
    return () => void listeners--;
  };
  const log = { onAdvance: listen, onStartMoved: listen } as unknown as PartitionLog;
  let reads = 0;
  const reading = {
    read: async (_: AskedPartition, find: () => PartitionLog): Promise<PartitionAnswer> => {
      find();
      await Promise.resolve();
      // Another connection begins anew in its place.
      if (++reads === 2) session.close();
      return answerOf(0);
    },
  } as unknown as FetchReading;
  await session.read(reading, () => log);
  expect([reads, listeners]).toEqual([2, 0]);
});

function answerOf(partitionIndex: number): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    highWatermark: 0n,
    lastStableOffset: 0n,
    logStartOffset: 0n,
    abortedTransactions: null,
    records: new Uint8Array(0),
  };
}

it("the epochs of a session begin again after the last one", async () => {
  const session = new FetchSession(1, false, 0);
  const last = 2 ** 31 - 1;
  Object.assign(session, { epoch: last });
  const serve = (standing: () => number) => Promise.resolve(standing());
  expect(await session.next(last, serve)).toBe(ErrorCode.NONE);
  expect(session.next(0, serve)).toBeUndefined();
  expect(await session.next(1, serve)).toBe(ErrorCode.NONE);
  expect(await session.next(2, serve)).toBe(ErrorCode.NONE);
});
