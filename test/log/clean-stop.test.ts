/** What a clean stop leaves beside the log is not synced: a start believes it only when it is as it was. */
import { expect, it } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { Store } from "../../log/store.ts";
import { CrashingStore } from "./crashing-store.ts";
import { appendAll, batchOf, config, openLeader, randomOf, readValues } from "./harness.ts";

const OPTIONS = { config: config({ "segment.bytes": 900, "index.interval.bytes": 100 }) };
const VALUES = Array.from({ length: 30 }, (_, at) => `value number ${at}`);

const batchAt = (at: number): Uint8Array =>
  batchOf([VALUES[at] ?? ""], { producerId: 3n, producerEpoch: 0, baseSequence: at });

/** Stopped cleanly, with several segments. */
async function stopped(store: Store): Promise<void> {
  const log = await openLeader(store, OPTIONS);
  await appendAll(
    log,
    VALUES.map((_, at) => batchAt(at)),
  );
  await log.close();
}

async function expectWhole(log: PartitionLog): Promise<void> {
  expect(await readValues(log)).toEqual(VALUES.map((value, at) => [BigInt(at), value]));
  for (const at of [25, 29])
    expect(log.append(batchAt(at))).toMatchObject({ duplicate: true, baseOffset: BigInt(at) });
  expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 30n });
}

it("is not believed when one byte of it is other than it was, or one file is not there", async () => {
  const store = new MemoryStore();
  await stopped(store);
  const files = new Map<string, Uint8Array>();
  for (const name of await store.list("")) files.set(name, (await store.read(name)) ?? new Uint8Array(0));
  const copy = async (): Promise<MemoryStore> => {
    const made = new MemoryStore();
    for (const [name, bytes] of files) await made.write(name, bytes);
    return made;
  };
  const whole = await openLeader(await copy(), { ...OPTIONS, clean: true }, 1);
  expect(whole.recovery.how).toBe("clean");
  await expectWhole(whole);
  const base = [...files.keys()].filter((name) => name.endsWith(".log")).at(-1) ?? "";
  const left = [
    base.replace(".log", ".index"),
    base.replace(".log", ".timeindex"),
    "orders-0/00000000000000000030.snapshot",
    "orders-0/leader-epoch-checkpoint",
  ];
  for (const name of left) {
    const bytes = files.get(name) ?? new Uint8Array(0);
    expect([name, bytes.length]).not.toEqual([name, 0]);
    const damages: (Uint8Array | undefined)[] = [undefined, new Uint8Array(0), new Uint8Array(bytes.length)];
    for (let at = 0; at < bytes.length; at++) {
      damages.push(bytes.slice(0, at));
      // Kafka's file of epochs has no checksum of its own: what a flipped bit makes of it may be read.
      if (!name.endsWith("-checkpoint"))
        damages.push(bytes.map((value, index) => (index === at ? value ^ 1 : value)));
    }
    for (const [nth, damage] of damages.entries()) {
      const damaged = await copy();
      if (damage === undefined) await damaged.delete([name]);
      else await damaged.write(name, damage);
      const log = await openLeader(damaged, { ...OPTIONS, clean: true }, 1);
      expect([name, nth, log.recovery.how]).toEqual([name, nth, "scanned"]);
      if (nth % 16 === 0) await expectWhole(log);
      await log.close();
    }
  }
});

it("the log is whole when the power goes right after it", async () => {
  let scanned = 0;
  for (let seed = 0; seed < 60; seed++) {
    const store = new CrashingStore(randomOf(seed));
    await stopped(store);
    // Also when nothing was written between two of them.
    if (seed % 2 === 0) await (await openLeader(store, { ...OPTIONS, clean: true }, 0)).close();
    store.crash();
    const log = await openLeader(store.afterPowerLoss(), { ...OPTIONS, clean: true }, 1);
    if (log.recovery.how === "scanned") scanned++;
    await expectWhole(log);
    await log.close();
  }
  expect(scanned).toBeGreaterThan(0);
});

it("epochs that a clean stop did not sync are durable when the segment that they are of is rolled", async () => {
  const store = new MemoryStore();
  const roomy = { config: config({ "segment.bytes": 3000 }) };
  const first = await openLeader(store, roomy);
  await appendAll(first, [batchAt(0)]);
  await first.close();
  const second = await openLeader(store, { ...roomy, clean: true }, 1);
  await appendAll(second, [batchAt(1)]);
  await second.close();
  const third = await openLeader(store, { ...roomy, clean: true }, 2);
  const written: string[] = [];
  const write = store.write.bind(store);
  store.write = (name, bytes) => {
    written.push(name);
    return write(name, bytes);
  };
  await third.append(batchOf([new Uint8Array(2950)])).synced;
  expect(third.closedSegments(0n)).toHaveLength(1);
  expect(written).toContain("orders-0/leader-epoch-checkpoint");
  await third.close();
});
