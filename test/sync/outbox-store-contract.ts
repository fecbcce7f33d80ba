/** What every OutboxStore must keep. Imports nothing of a host, so that it runs in a browser too. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RECEIPTS_MAX } from "../../sync/outbox-store.ts";
import type { FrozenBatch, OutboxRecord, OutboxStore } from "../../sync/outbox-store.ts";
import type { RecordRun } from "../../sync/record-run.ts";
import { packRecords } from "../../web-client/core/pack-records.ts";

export interface OutboxStoreUnderTest {
  store: OutboxStore;
  /** A second store on the same rows, as another tab or a reload has it. */
  another?: () => Promise<OutboxStore>;
  dispose?: () => Promise<void>;
}

export function outboxRecord(topic: string, value: string): Omit<OutboxRecord, "id"> {
  return {
    topic,
    key: null,
    value: new TextEncoder().encode(value),
    headers: [{ key: "h", value: Uint8Array.of(1) }],
    timestamp: 1_700_000_000_000,
    timestampGiven: false,
    clusterId: null,
    topicId: null,
    state: "waiting",
    reason: null,
    alone: false,
  };
}

/** With keys, where there is a value; the empty one has a time of its own. */
function runOf(values: readonly (string | null)[]): RecordRun {
  const encoder = new TextEncoder();
  return packRecords(
    values.map((value) => ({
      key: value && `key ${value}`,
      value: value === null ? null : encoder.encode(value),
      headers: [],
      ...(value === "" && { timestamp: 5 }),
    })),
  );
}

const batchOf = (recordIds: number[]): Omit<FrozenBatch, "id"> => ({
  clusterId: "cluster",
  topic: "orders",
  topicId: "topic",
  partition: 0,
  producerId: 2n ** 60n,
  producerEpoch: 0,
  baseSequence: 0,
  recordIds,
  bytes: new Uint8Array(1000).fill(7),
  endBefore: 5n,
  frozenAtMs: 1,
  blocked: null,
});

export function outboxStoreContract(kind: string, create: () => Promise<OutboxStoreUnderTest>): void {
  describe(`${kind} as an OutboxStore`, () => {
    let subject: OutboxStoreUnderTest;
    let store: OutboxStore;
    beforeEach(async () => {
      subject = await create();
      store = subject.store;
    });
    afterEach(async () => {
      await store.close();
      await subject.dispose?.();
    });

    const add = (topic: string, value: string): Promise<number> =>
      store.transact("readwrite", (rows) => rows.addRecord(outboxRecord(topic, value)));

    it("knows which topics are shown, once it was said", async () => {
      const shownBytes = (topic: string): Promise<number | undefined> =>
        store.transact("readonly", (rows) => rows.shownBytes(topic));
      expect(await shownBytes("orders")).toBeUndefined();
      const failed = store.transact("readwrite", async (rows) => {
        await rows.putShownBytes("orders", 7);
        throw new Error("not after all");
      });
      await expect(failed).rejects.toThrow("not after all");
      expect(await shownBytes("orders")).toBeUndefined();
      await store.transact("readwrite", (rows) => rows.putShownBytes("orders", 0));
      expect([await shownBytes("orders"), await shownBytes("order")]).toEqual([0, undefined]);
      await store.transact("readwrite", (rows) => rows.putShownBytes("orders", 2 ** 40));
      expect(await shownBytes("orders")).toBe(2 ** 40);
    });

    it("gives rising ids that are never given again", async () => {
      const first = await add("orders", "a");
      const second = await add("orders", "b");
      expect(second).toBeGreaterThan(first);
      await store.transact("readwrite", (rows) => rows.deleteRecord(second));
      expect(await add("orders", "c")).toBeGreaterThan(second);
    });

    it("lists records by state and topic, oldest first, up to a limit", async () => {
      const ids = [await add("b", "1"), await add("a", "2"), await add("b", "3"), await add("a", "4")];
      await store.transact("readwrite", async (rows) => {
        const record = await rows.record(ids[2] ?? -1);
        if (record !== undefined) await rows.putRecord({ ...record, state: "refused", reason: "no" });
      });
      await store.transact("readonly", async (rows) => {
        expect((await rows.recordsIn("waiting", 100)).map((record) => record.id)).toEqual([
          ids[0],
          ids[1],
          ids[3],
        ]);
        expect((await rows.recordsIn("waiting", 100, "a")).map((record) => record.id)).toEqual([
          ids[1],
          ids[3],
        ]);
        expect((await rows.recordsIn("waiting", 1, "a")).map((record) => record.id)).toEqual([ids[1]]);
        expect((await rows.recordsIn("refused", 100))[0]).toMatchObject({ id: ids[2], reason: "no" });
        expect((await rows.topicsIn("waiting")).toSorted()).toEqual(["a", "b"]);
        expect(await rows.topicsIn("held")).toEqual([]);
        expect(await rows.countIn("waiting")).toBe(3);
        expect([await rows.countIn("waiting", "a"), await rows.countIn("refused", "a")]).toEqual([2, 0]);
      });
    });

    it("keeps every field of a record and of a batch", async () => {
      const id = await add("orders", "a");
      const batchId = await store.transact("readwrite", (rows) => rows.addBatch(batchOf([id])));
      await store.transact("readonly", async (rows) => {
        expect(await rows.record(id)).toEqual({ ...outboxRecord("orders", "a"), id });
        expect(await rows.batch(batchId)).toEqual({ ...batchOf([id]), id: batchId });
        expect(await rows.batches()).toHaveLength(1);
      });
    });

    it("reads and deletes many by their ids, and nothing that lies between them", async () => {
      const ids: number[] = [];
      for (let left = 9; left > 0; left--) ids.push(await add("orders", "a"));
      const at = (...places: number[]): number[] => places.map((place) => ids[place] ?? -1);
      const idsOf = (asked: readonly number[]): Promise<number[]> =>
        store.transact("readonly", async (rows) => (await rows.records(asked)).map(({ id }) => id));
      expect(await idsOf(at(7, 0, 1, 2, 5))).toEqual(at(0, 1, 2, 5, 7));
      expect(await idsOf([])).toEqual([]);
      await store.transact("readwrite", (rows) => rows.deleteRecords(at(3, 1, 2, 6)));
      await store.transact("readwrite", (rows) => rows.deleteRecords([]));
      expect(await idsOf(ids)).toEqual(at(0, 4, 5, 7, 8));
      expect(await idsOf([...at(2, 4), 1_000_000])).toEqual(at(4));
    });

    describe("a run, published in one go", () => {
      const TOPIC = { topic: "orders", clusterId: "cluster", topicId: null, addedAtMs: 1_700_000_000_000 };
      const addRun = (values: readonly (string | null)[], topic = "orders"): Promise<number> =>
        store.transact("readwrite", (rows) => rows.addRun({ ...TOPIC, topic, run: runOf(values) }));
      const values = (records: readonly OutboxRecord[]): (string | null)[] =>
        records.map(({ value }) => value && new TextDecoder().decode(value));
      const inState = (state: OutboxRecord["state"], limit = 100, topic?: string): Promise<OutboxRecord[]> =>
        store.transact("readonly", (rows) => rows.recordsIn(state, limit, topic));

      it("is as many records, under ids that follow on each other and on what was before", async () => {
        const before = await add("orders", "before");
        const first = await addRun(["a", "", null]);
        const after = await add("orders", "after");
        expect(first).toBeGreaterThan(before);
        expect(after).toBeGreaterThan(first + 2);
        const found = await inState("waiting");
        expect(found.map(({ id }) => id)).toEqual([before, first, first + 1, first + 2, after]);
        expect(values(found)).toEqual(["before", "a", "", null, "after"]);
        expect(found[1]).toEqual({
          ...outboxRecord("orders", "a"),
          id: first,
          clusterId: "cluster",
          headers: [],
          key: new TextEncoder().encode("key a"),
          timestamp: 1_700_000_000_000,
        });
        // The app has given this one a time.
        expect(found[2]).toMatchObject({ timestamp: 5, timestampGiven: true });
        await store.transact("readonly", async (rows) => {
          expect((await rows.recordIds(first + 1, after)).toSorted((a, b) => a - b)).toEqual([
            first + 1,
            first + 2,
            after,
          ]);
          expect(await rows.record(first + 2)).toMatchObject({ id: first + 2, value: null });
          expect(await rows.record(first + 3)).toEqual(first + 3 === after ? expect.anything() : undefined);
          expect(await rows.countIn("waiting")).toBe(5);
          expect(await rows.topicsIn("waiting")).toEqual(["orders"]);
        });
      });

      it("is listed by topic, up to a limit, in order with single records", async () => {
        await addRun(["1", "2", "3"], "b");
        await add("b", "4");
        await addRun(["5", "6"], "a");
        await addRun(["7"], "b");
        expect(values(await inState("waiting", 100, "b"))).toEqual(["1", "2", "3", "4", "7"]);
        expect(values(await inState("waiting", 4, "b"))).toEqual(["1", "2", "3", "4"]);
        expect(values(await inState("waiting", 2))).toEqual(["1", "2"]);
        expect(values(await inState("waiting", 100, "a"))).toEqual(["5", "6"]);
        expect(await inState("refused")).toEqual([]);
      });

      it("is frozen, read and deleted in parts; each record changes alone, and once for all", async () => {
        const first = await addRun(["a", "b", "c", "d", "e"]);
        const single = await add("orders", "f");
        const ids = (...places: number[]): number[] => places.map((place) => first + place);
        const frozen = await store.transact("readwrite", async (rows) => {
          expect(await rows.freezeRecords([...ids(0, 2, 3), single])).toBe(true);
          expect(values(await rows.recordsIn("frozen", 100))).toEqual(["a", "c", "d", "f"]);
          expect(values(await rows.recordsIn("waiting", 100))).toEqual(["b", "e"]);
          return rows.addBatch(batchOf([...ids(0, 2, 3), single]));
        });
        expect(values(await inState("frozen"))).toEqual(["a", "c", "d", "f"]);
        const [again, alone] = await store.transact("readwrite", async (rows) => {
          // Taken apart: one of it is refused, the others are sealed anew.
          for (const record of await rows.records([...ids(0, 2, 3), single]))
            await rows.putRecord({ ...record, state: record.id === first + 2 ? "refused" : "waiting" });
          await rows.deleteBatch(frozen);
          await rows.deleteRecord(first + 1);
          expect(await rows.freezeRecords([...ids(0, 3), single])).toBe(true);
          const batch = await rows.addBatch(batchOf([...ids(0, 3), single]));
          // One of them does not wait, or is not there: none is frozen.
          for (const places of [
            ids(2, 4),
            ids(0, 4),
            ids(1, 4),
            [...ids(4), single],
            [...ids(4), single + 1],
          ])
            expect(await rows.freezeRecords(places)).toBe(false);
          expect(await rows.freezeRecords(ids(4))).toBe(true);
          expect(await rows.countIn("frozen")).toBe(4);
          return [batch, await rows.addBatch(batchOf(ids(4)))];
        });
        await store.transact("readonly", async (rows) => {
          expect(await rows.records(ids(4, 2, 1, 0))).toMatchObject([
            { id: first, state: "frozen" },
            { id: first + 2, state: "refused" },
            { id: first + 4, state: "frozen" },
          ]);
          expect(await rows.countIn("frozen")).toBe(4);
          expect(await rows.countIn("waiting")).toBe(0);
        });
        await store.transact("readwrite", async (rows) => {
          const record = await rows.record(first + 2);
          if (record !== undefined) await rows.putRecord({ ...record, state: "waiting", reason: null });
          await rows.deleteRecords([...ids(0, 3), single]);
          await rows.deleteBatch(again ?? -1);
          expect(await rows.recordIds(0, Infinity)).toHaveLength(2);
        });
        expect(await inState("frozen")).toMatchObject([{ id: first + 4 }]);
        await store.transact("readwrite", async (rows) => {
          await rows.deleteRecords(ids(4));
          await rows.deleteBatch(alone ?? -1);
        });
        expect(await inState("waiting")).toMatchObject([{ id: first + 2, state: "waiting" }]);
        expect(await inState("frozen")).toEqual([]);
        await store.transact("readwrite", (rows) => rows.deleteRecord(first + 2));
        expect(await inState("waiting")).toEqual([]);
        expect(await addRun(["g"])).toBeGreaterThan(single);
      });

      it("is there once, though all of it is frozen, and a part of it is taken apart and frozen again", async () => {
        const first = await addRun(["a", "b", "c", "d"]);
        const [apart, other] = await store.transact("readwrite", async (rows) => {
          expect(await rows.freezeRecords([first, first + 1, first + 2, first + 3])).toBe(true);
          return [
            await rows.addBatch(batchOf([first, first + 1])),
            await rows.addBatch(batchOf([first + 2, first + 3])),
          ];
        });
        await store.transact("readwrite", async (rows) => {
          for (const record of await rows.records([first, first + 1]))
            await rows.putRecord({ ...record, state: "waiting" });
          await rows.deleteBatch(apart ?? -1);
        });
        await store.transact("readwrite", async (rows) => {
          expect(await rows.freezeRecords([first, first + 1])).toBe(true);
          await rows.addBatch(batchOf([first, first + 1]));
        });
        expect(values(await inState("frozen"))).toEqual(["a", "b", "c", "d"]);
        await store.transact("readonly", async (rows) => {
          expect(await rows.countIn("frozen")).toBe(4);
          expect(await rows.records([first, first + 1, first + 2, first + 3])).toHaveLength(4);
        });
        await store.transact("readwrite", async (rows) => {
          await rows.deleteRecords([first + 2, first + 3]);
          await rows.deleteBatch(other ?? -1);
        });
        expect(values(await inState("frozen"))).toEqual(["a", "b"]);
      });

      it("is as it was in all its records when a few of many have left, whatever their bytes", async () => {
        // So large that its bytes lie in several rows, of which each ends somewhere.
        const all = Array.from({ length: 500 }, (_, at) => `${at} ${"x".repeat(at % 2 === 0 ? 10 : 900)}`);
        const first = await addRun(all);
        const gone = new Set<number>();
        for (const place of [0, 1, 2, 250, 251, 499]) gone.add(first + place);
        for (let place = 300; place < 450; place++) gone.add(first + place);
        await store.transact("readwrite", (rows) => rows.deleteRecords([...gone]));
        const expected = all.flatMap((value, place) =>
          gone.has(first + place) ? [] : [{ id: first + place, value }],
        );
        const found = await inState("waiting", 1000);
        expect(
          found.map(({ id, value }) => ({ id, value: new TextDecoder().decode(value ?? undefined) })),
        ).toEqual(expected);
        expect(found.map(({ key }) => new TextDecoder().decode(key ?? undefined))).toEqual(
          expected.map(({ value }) => `key ${value}`),
        );
        expect(await store.transact("readonly", (rows) => rows.recordIds(0, Infinity))).toEqual(
          expected.map(({ id }) => id),
        );
      });

      it("is not there when the work throws, nor is what was done to it", async () => {
        const first = await addRun(["a", "b"]);
        const failing = store.transact("readwrite", async (rows) => {
          await rows.addRun({ ...TOPIC, run: runOf(["c"]) });
          await rows.freezeRecords([first]);
          await rows.deleteRecords([first + 1]);
          throw new Error("on purpose");
        });
        await expect(failing).rejects.toThrow("on purpose");
        expect(values(await inState("waiting"))).toEqual(["a", "b"]);
        expect(await inState("frozen")).toEqual([]);
      });
    });

    it("lists the ids of a range, both ends included", async () => {
      const ids: number[] = [];
      for (let left = 5; left > 0; left--) ids.push(await add("orders", "a"));
      await store.transact("readwrite", (rows) => rows.deleteRecord(ids[2] ?? -1));
      const [, first, , last] = ids;
      const found = await store.transact("readonly", (rows) => rows.recordIds(first ?? -1, last ?? -1));
      expect(found.toSorted((a, b) => a - b)).toEqual([first, last]);
      const after = await store.transact("readonly", (rows) => rows.recordsAfter(first ?? -1));
      expect(after.map(({ id }) => id)).toEqual([last, ids[4]]);
    });

    it("keeps the last receipts, oldest first, and lets go of older ones", async () => {
      const receipt = { recordIds: [3, 5], partition: 2, baseOffset: 2n ** 60n };
      await store.transact("readwrite", async (rows) => {
        await rows.addReceipt(receipt);
        await rows.addReceipt({ recordIds: [4], partition: -1, baseOffset: -1n });
      });
      const after = (id: number) => store.transact("readonly", (rows) => rows.receiptsAfter(id));
      const [first, second, ...others] = await after(0);
      expect(others).toEqual([]);
      expect(first).toEqual({ ...receipt, id: first?.id });
      expect(await after(first?.id ?? 0)).toEqual([second]);
      await store.transact("readwrite", async (rows) => {
        for (let left = RECEIPTS_MAX - 1; left > 0; left--) await rows.addReceipt(receipt);
      });
      const kept = await after(0);
      expect(kept).toHaveLength(RECEIPTS_MAX);
      expect(kept[0]).toEqual(second);
      expect(kept.map(({ id }) => id)).toEqual(kept.map(({ id }) => id).toSorted((a, b) => a - b));
    });

    it("undoes everything when the work throws", async () => {
      const id = await add("orders", "a");
      const lane = {
        clusterId: "c",
        topicId: "t",
        partition: 0,
        producerId: 1n,
        producerEpoch: 0,
        nextSequence: 4,
      };
      await store.transact("readwrite", (rows) => rows.putLane(lane));
      const failing = store.transact("readwrite", async (rows) => {
        await rows.deleteRecord(id);
        await rows.addRecord(outboxRecord("orders", "b"));
        await rows.addBatch(batchOf([id]));
        await rows.putLane({ ...lane, nextSequence: 9 });
        await rows.putTerm(12);
        await rows.putProducerId("c", 3n);
        await rows.addReceipt({ recordIds: [id], partition: 0, baseOffset: 1n });
        throw new Error("on purpose");
      });
      await expect(failing).rejects.toThrow("on purpose");
      await store.transact("readonly", async (rows) => {
        expect((await rows.recordsIn("waiting", 10)).map((record) => record.id)).toEqual([id]);
        expect(await rows.batches()).toEqual([]);
        expect(await rows.lane(lane)).toEqual(lane);
        expect(await rows.term()).toBe(0);
        expect(await rows.producerId("c")).toBeUndefined();
        expect(await rows.receiptsAfter(0)).toEqual([]);
      });
    });

    it("lets no transaction run between another's reads and writes, whichever store it comes from", async () => {
      const stores = [store, (await subject.another?.()) ?? store];
      const raise = (at: number): Promise<void> =>
        (stores[at % 2] ?? store).transact("readwrite", async (rows) => {
          const term = await rows.term();
          await rows.batches();
          await rows.putTerm(term + 1);
        });
      await Promise.all(Array.from({ length: 40 }, (_, at) => raise(at)));
      expect(await store.transact("readonly", (rows) => rows.term())).toBe(40);
    });

    it("shows another store what was written", async ({ skip }) => {
      if (subject.another === undefined) return skip("this store does not outlive its object");
      const id = await add("orders", "a");
      await store.transact("readwrite", (rows) => rows.putProducerId("c", 2n ** 62n));
      const another = await subject.another();
      await another.transact("readonly", async (rows) => {
        expect(await rows.record(id)).toEqual({ ...outboxRecord("orders", "a"), id });
        expect(await rows.producerId("c")).toBe(2n ** 62n);
      });
    });
  });
}
