/**
 * Whole histories over a store that fails, stops and forgets: what was acknowledged is never lost, what was shown stays
 * as it was, and a producer that sends again what was not answered has it in the log once, in order.
 */
import { describe, expect, it } from "vitest";
import type { PartitionLog } from "../../log/partition-log.ts";
import { KafkaError } from "../../wire/errors.ts";
import { CrashingStore, type Operation } from "./crashing-store.ts";
import {
  batchOf,
  config,
  openLeader,
  randomOf,
  readValues,
  recordsOf,
  splitBatches,
  tickClock,
} from "./harness.ts";

/** What the outside world knows of one partition. */
class World {
  /** By offset: what a reader has been shown, or was told to be acknowledged. */
  readonly shown: string[] = [];
  /** What the producer wants in the log, in order, and how much of it was acknowledged. */
  readonly wanted: string[] = [];
  acknowledged = 0;

  watch(log: PartitionLog): void {
    log.onAdvance(({ pieces }) => {
      for (const { offset, value } of recordsOf(pieces.flatMap(splitBatches)))
        this.show(offset, new TextDecoder().decode(value ?? undefined));
    });
  }

  show(offset: bigint, value: string): void {
    const before = this.shown[Number(offset)];
    if (before !== undefined && before !== value)
      throw new Error(`offset ${offset} was "${before}" and is "${value}" now`);
    this.shown[Number(offset)] = value;
  }

  /** After a restart: everything shown is there, nothing was lost, and what is there from now on is shown. */
  async check(log: PartitionLog): Promise<void> {
    expect(log.highWatermark).toBeGreaterThanOrEqual(BigInt(this.shown.length));
    const values = await readValues(log, undefined, 700);
    expect(values.map(([offset]) => offset)).toEqual(values.map((_, at) => BigInt(at)));
    for (const [offset, value] of values) this.show(offset, value);
    const logged = values.map(([, value]) => value);
    expect(logged).toEqual(this.wanted.slice(0, logged.length));
    expect(logged.length).toBeGreaterThanOrEqual(this.acknowledged);
  }
}

const SETTINGS = config({ "segment.bytes": 1500, "index.interval.bytes": 200 });

/** Sends batches, each of one to three records, at most five unanswered, until the log or the plan ends it. */
async function produce(
  log: PartitionLog,
  world: World,
  store: CrashingStore,
  random: () => number,
  batches: number,
): Promise<void> {
  const inFlight: Promise<void>[] = [];
  let next = world.acknowledged;
  let failed = false;
  for (let sent = 0; sent < batches && !failed && !store.isDead; sent++) {
    // What was not answered goes out again as it was sealed before: one batch a record keeps that simple.
    if (next === world.wanted.length)
      world.wanted.push(`value ${next} ${"x".repeat(Math.floor(random() * 300))}`);
    const index = next++;
    const value = world.wanted[index] ?? "";
    try {
      const { synced, baseOffset } = log.append(
        batchOf([value], { producerId: 9n, producerEpoch: 0, baseSequence: index }),
      );
      inFlight.push(
        synced.then(
          () => {
            world.acknowledged = Math.max(world.acknowledged, index + 1);
            expect(log.highWatermark).toBeGreaterThan(baseOffset);
            world.show(baseOffset, value);
          },
          () => void (failed = true),
        ),
      );
    } catch (error) {
      if (!(error instanceof KafkaError) || log.fenced === undefined) throw error;
      return;
    }
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
    if (inFlight.length >= 5) await Promise.race([inFlight.shift(), store.crashed]);
  }
  await Promise.race([Promise.all(inFlight), store.crashed]);
}

async function history(seed: number, rounds: number): Promise<void> {
  const random = randomOf(seed);
  const world = new World();
  let store = new CrashingStore(random);
  for (let round = 0; round < rounds; round++) {
    const endsWith = random();
    // Some rounds die while they recover.
    if (endsWith < 0.8)
      store.arm({ at: 1 + Math.floor(random() * 80), kind: random() < 0.7 ? "crash" : "fail" });
    let clean = false;
    const life = async (): Promise<void> => {
      const log = await openLeader(store, { clock: tickClock, config: SETTINGS, clean: wasClean }, round);
      await world.check(log);
      world.watch(log);
      await produce(log, world, store, random, 5 + Math.floor(random() * 60));
      await log.close();
      clean = true;
    };
    await Promise.race([life().catch(ofStorage), store.crashed]);
    expect(store.violations).toEqual([]);
    store.crash();
    wasClean = clean;
    store = random() < 0.5 ? store.afterPowerLoss() : store.afterKill();
  }
  const log = await openLeader(store, { clock: tickClock, config: SETTINGS, clean: false }, rounds);
  await world.check(log);
  await produce(log, world, store, random, world.wanted.length - world.acknowledged);
  await world.check(log);
  expect(log.highWatermark).toBe(BigInt(world.wanted.length));
}

let wasClean = false;

/** A failed disk may stop anything, but with this error only. */
function ofStorage(error: unknown): void {
  const isStorage =
    error instanceof KafkaError || (error instanceof Error && error.message.startsWith("injected"));
  if (!isStorage) throw error;
}

describe("a partition through crashes", () => {
  it.each(Array.from({ length: 20 }, (_, at) => 1000 + at))(
    "keeps what it acknowledged and showed, seed %i",
    async (seed) => {
      wasClean = false;
      await history(seed, 12);
    },
  );

  it.each(["append", "sync", "write", "truncate", "delete"] satisfies Operation[])(
    "survives a stop at every %s of a short life",
    async (operation) => {
      for (let at = 1; at < 60; at++) {
        const random = randomOf(at);
        const world = new World();
        const store = new CrashingStore(random);
        store.arm({ at, kind: "crash", operation });
        let isOver = false;
        const life = async (): Promise<void> => {
          const log = await openLeader(store, { clock: tickClock, config: SETTINGS });
          world.watch(log);
          await produce(log, world, store, random, 40);
          await log.close();
          isOver = true;
        };
        await Promise.race([life(), store.crashed]);
        store.crash();
        for (const after of [store.afterKill(), store.afterPowerLoss(), store.afterPowerLoss()]) {
          const known = new World();
          known.wanted.push(...world.wanted);
          for (const [offset, value] of world.shown.entries()) known.show(BigInt(offset), value);
          known.acknowledged = world.acknowledged;
          const log = await openLeader(after, { clock: tickClock, config: SETTINGS }, 1);
          await known.check(log);
          await log.close();
        }
        if (isOver) break;
      }
    },
  );

  it("keeps what was written, though not synced, when only the process dies", async () => {
    for (let seed = 1; seed < 30; seed++) {
      const store = new CrashingStore(randomOf(seed));
      const log = await openLeader(store, { clock: tickClock, config: SETTINGS });
      const written: string[] = [];
      store.arm({ at: 1 + (seed % 7), kind: "crash", operation: "sync" });
      const appended = Array.from({ length: 20 }, (_, at) => {
        const { written: done } = log.append(batchOf([`value ${at}`]));
        return done.then(
          () => void written.push(`value ${at}`),
          () => {},
        );
      });
      await Promise.race([Promise.all(appended), store.crashed]);
      const again = await openLeader(store.afterKill(), { clock: tickClock, config: SETTINGS }, 1);
      const values = (await readValues(again)).map(([, value]) => value);
      expect(values.slice(0, written.length)).toEqual(written);
    }
  });

  it("with a lazy flush keeps what was written through a kill, and a sound beginning of it through power loss", async () => {
    const lazy = config({ "segment.bytes": 1500, "index.interval.bytes": 200, "flush.messages": 7 });
    for (let seed = 1; seed < 40; seed++) {
      const random = randomOf(seed);
      const store = new CrashingStore(random);
      const log = await openLeader(store, { clock: tickClock, config: lazy });
      store.arm({ at: 1 + Math.floor(random() * 90), kind: "crash" });
      const acknowledged: string[] = [];
      const life = async (): Promise<void> => {
        for (let at = 0; at < 60; at++) {
          const value = `value ${at} ${"x".repeat(Math.floor(random() * 200))}`;
          await log.append(batchOf([value])).synced;
          acknowledged.push(value);
        }
      };
      await Promise.race([life(), store.crashed]);
      store.crash();
      const valuesOf = async (after: CrashingStore): Promise<string[]> => {
        const again = await openLeader(after, { clock: tickClock, config: lazy }, 1);
        return (await readValues(again)).map(([, value]) => value);
      };
      expect((await valuesOf(store.afterKill())).slice(0, acknowledged.length)).toEqual(acknowledged);
      const left = await valuesOf(store.afterPowerLoss());
      const known = Math.min(left.length, acknowledged.length);
      expect(left.slice(0, known)).toEqual(acknowledged.slice(0, known));
    }
  });
});
