/** Up to where partitions are known to be synced: one file for many of them. */
import { describe, expect, it } from "vitest";
import {
  SYNCED_ENDS_BYTES_MIN,
  SYNCED_ENDS_GROWTH_MAX,
  SYNCED_END_SYNC_INTERVAL_MS,
} from "../../log/limits.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { Store } from "../../log/store.ts";
import { SyncedEnds } from "../../log/synced-ends.ts";
import { CrashingStore } from "./crashing-store.ts";
import { engine, randomOf, tickClock, TOPIC_ID } from "./harness.ts";

const FILE = "synced-ends";

const open = (store: Store, clean = false): Promise<SyncedEnds> =>
  SyncedEnds.open({ store, engine, clock: tickClock, name: FILE, clean });

async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick++) await new Promise((resolve) => setImmediate(resolve));
}

/** As long as it takes until what was noted is synced. */
const aSecond = (): Promise<void> => ticks(SYNCED_END_SYNC_INTERVAL_MS / 5 + 50);

const textOf = async (store: Store): Promise<string> => new TextDecoder().decode(await store.read(FILE));

/** Counts what is asked of the file. */
function counted(store: MemoryStore): { appends: number; syncs: number; writes: number } {
  const counts = { appends: 0, syncs: 0, writes: 0 };
  const [openFile, write] = [store.open.bind(store), store.write.bind(store)];
  store.open = async (name) => {
    const file = await openFile(name);
    const [append, sync] = [file.append.bind(file), file.sync.bind(file)];
    file.append = (pieces) => {
      counts.appends++;
      return append(pieces);
    };
    file.sync = () => {
      counts.syncs++;
      return sync();
    };
    return file;
  };
  store.write = (name, bytes) => {
    counts.writes++;
    return write(name, bytes);
  };
  return counts;
}

describe("the noted synced ends", () => {
  it("rise with notes, fall only when they are set, and stay a small file", async () => {
    const store = new MemoryStore();
    const first = await open(store);
    const end = first.of(TOPIC_ID, 0);
    expect(end.offset).toBe(0n);
    for (let offset = 1n; offset < 6000n; offset++) {
      end.note(offset);
      await ticks(1);
    }
    await first.close(true);
    expect((await store.read(FILE))?.length).toBeLessThan(SYNCED_ENDS_BYTES_MIN + 100);
    const second = await open(store);
    const again = second.of(TOPIC_ID, 0);
    expect(again.offset).toBe(5999n);
    again.note(100n);
    await again.set(50n, 7);
    await second.close(true);
    expect(await textOf(store)).toMatch(new RegExp(`^${TOPIC_ID} 0 50 00000007 [0-9a-f]{8}\\n$`));
    const third = (await open(store)).of(TOPIC_ID, 0);
    expect([third.offset, third.checkpoint]).toEqual([50n, 7]);
  });

  it("of a partition are its highest sound line, whatever byte is wrong; those of others are as they were", async () => {
    const store = new MemoryStore();
    const ends = await open(store);
    const [one, other] = [ends.of(TOPIC_ID, 1), ends.of(TOPIC_ID, 11)];
    for (const offset of [5n, 7n, 9n]) {
      one.note(offset);
      await ticks(10);
    }
    other.note(3n);
    await ends.close(true);
    const bytes = (await store.read(FILE)) ?? new Uint8Array(0);
    const lines = (await textOf(store)).split("\n");
    expect(lines).toHaveLength(5);
    const [, , thirdAt = 0, fourthAt = 0] = lines.map((_, at) => lines.slice(0, at).join("\n").length + 1);
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [1, 0x80]) {
        await store.write(
          FILE,
          bytes.map((value, index) => (index === at ? value ^ mask : value)),
        );
        const found = await open(store, true);
        // Two lines are wrong where the end of the first is.
        const isThirdWrong = at >= thirdAt - 1 && at < fourthAt;
        const isFourthWrong = at >= fourthAt - 1;
        const highest = isThirdWrong ? (at === thirdAt - 1 ? 5n : 7n) : 9n;
        expect([at, found.of(TOPIC_ID, 1).offset]).toEqual([at, highest]);
        expect([at, found.of(TOPIC_ID, 11).offset]).toEqual([at, isFourthWrong ? 0n : 3n]);
      }
    }
  });

  it("of many partitions in one moment are one write, and soon one sync; what they set is one sync", async () => {
    const store = new MemoryStore();
    const counts = counted(store);
    const ends = await open(store);
    const all = Array.from({ length: 500 }, (_, partition) => ends.of(TOPIC_ID, partition));
    for (const end of all) end.note(1n);
    await aSecond();
    // The first of them does not wait for the others.
    expect(counts).toEqual({ appends: 1, syncs: 1, writes: 0 });
    for (const end of all) end.note(2n);
    for (const end of all) end.note(3n);
    await ticks(20);
    expect(counts.appends).toBeLessThanOrEqual(2);
    await Promise.all(all.map((end) => end.set(4n)));
    expect(counts).toMatchObject({ appends: 3, writes: 0 });
    expect(counts.syncs).toBeLessThanOrEqual(3);
    const again = await open(store);
    for (let partition = 0; partition < 500; partition++)
      expect(again.of(TOPIC_ID, partition).offset).toBe(4n);
  });

  it("stay a small file though the node is started again and again", async () => {
    const store = new MemoryStore();
    for (let start = 0; start < 12; start++) {
      const ends = await open(store);
      const all = Array.from({ length: 500 }, (_, partition) => ends.of(TOPIC_ID, partition));
      for (const offset of [1n, 2n])
        await Promise.all(all.map((end) => end.set(BigInt(start) * 10n + offset)));
      await ends.close(true);
      // What is noted at a moment is written as a whole.
      expect((await textOf(store)).length).toBeLessThan(SYNCED_ENDS_GROWTH_MAX * 25_000 + 25_000);
    }
  });

  it("that cannot be read are not taken for none", async () => {
    const store = new MemoryStore();
    store.read = () => Promise.reject(new Error("EIO"));
    await expect(open(store)).rejects.toThrow(/^synced-ends cannot be read .*EIO/);
  });

  it("of topics that are no more are not written again", async () => {
    const store = new MemoryStore();
    const other = "BAECAwQFBgcICQoLDA0ODw";
    const first = await open(store);
    await Promise.all([
      first.of(TOPIC_ID, 0).set(1n),
      first.of(other, 0).set(1n),
      first.of(other, 1).set(1n),
    ]);
    await first.of(other, 1).forget();
    await first.close(true);
    const second = await open(store);
    expect(second.of(other, 0).offset).toBe(1n);
    second.keepOnly((id) => id === TOPIC_ID);
    await second.of(TOPIC_ID, 0).set(0n);
    await second.of(TOPIC_ID, 0).set(2n);
    await second.close(true);
    expect(await textOf(store)).not.toContain(other);
  });
});

describe("when the disk fails, the synced ends", () => {
  for (const operation of ["append", "sync"] as const) {
    it(`that were set go to another file after a failed ${operation}, and survive a loss of power`, async () => {
      const store = new CrashingStore(randomOf(5));
      const ends = await open(store);
      await ends.of(TOPIC_ID, 0).set(1n);
      store.arm({ at: 1, kind: "fail", operation });
      await ends.of(TOPIC_ID, 1).set(2n);
      await ends.of(TOPIC_ID, 2).set(3n);
      store.crash();
      const again = await open(store.afterPowerLoss());
      expect([0, 1, 2].map((partition) => again.of(TOPIC_ID, partition).offset)).toEqual([1n, 2n, 3n]);
      expect(store.violations).toEqual([]);
    });
  }

  it("that were noted are on the disk a second later all the same", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const store = new CrashingStore(randomOf(seed));
      const ends = await open(store);
      ends.of(TOPIC_ID, 0).note(1n);
      store.arm({ at: 1, kind: "fail", operation: "sync" });
      await aSecond();
      await aSecond();
      store.crash();
      expect([seed, (await open(store.afterPowerLoss())).of(TOPIC_ID, 0).offset]).toEqual([seed, 1n]);
      expect(store.violations).toEqual([]);
    }
  });

  it("are told to who set them when they cannot be written at all, and are lower then", async () => {
    const store = new CrashingStore(randomOf(5));
    const ends = await open(store);
    const end = ends.of(TOPIC_ID, 0);
    await end.set(1n);
    store.arm({ at: 1, kind: "fail", operation: "append" });
    const write = store.write.bind(store);
    store.write = () => Promise.reject(new Error("the disk is full"));
    await expect(end.set(2n)).rejects.toThrow("the disk is full");
    expect(end.offset).toBe(1n);
    store.write = write;
    // Tried again with the next.
    await ends.of(TOPIC_ID, 1).set(5n);
    expect(end.offset).toBe(2n);
    await ends.close(true);
    expect((await open(store)).of(TOPIC_ID, 0).offset).toBe(2n);
  });

  it("are never higher than what was noted, whatever a crash leaves of the file", async () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = randomOf(seed);
      const store = new CrashingStore(random);
      const ends = await open(store);
      const [most, least] = [new Map<number, bigint>(), new Map<number, bigint>()];
      for (let step = 0; step < 30; step++) {
        const partition = Math.floor(random() * 4);
        const offset = (most.get(partition) ?? 0n) + BigInt(Math.floor(random() * 5));
        most.set(partition, offset);
        if (random() < 0.7) ends.of(TOPIC_ID, partition).note(offset);
        else {
          await ends.of(TOPIC_ID, partition).set(offset);
          least.set(partition, offset);
        }
        if (random() < 0.5) await ticks(Math.floor(random() * 8));
      }
      store.crash();
      const killed = await open(store.afterKill());
      const after = await open(store.afterPowerLoss());
      for (let partition = 0; partition < 4; partition++) {
        const { offset } = after.of(TOPIC_ID, partition);
        expect(offset, `seed ${seed}`).toBeLessThanOrEqual(most.get(partition) ?? 0n);
        expect(offset, `seed ${seed}`).toBeGreaterThanOrEqual(least.get(partition) ?? 0n);
        expect(killed.of(TOPIC_ID, partition).offset).toBeGreaterThanOrEqual(least.get(partition) ?? 0n);
      }
    }
  });
});
