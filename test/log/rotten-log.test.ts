/**
 * A bit has flipped in what was acknowledged, and then the power is lost: the log must say that it is damaged, and not take
 * the place for a write that never arrived, which it would cut off with all that follows.
 */
import { describe, expect, it } from "vitest";
import { LEADER_EPOCH_AT as EPOCH_AT } from "../../engine-as/format.ts";
import { SYNCED_END_NOTE_INTERVAL_MS, SYNCED_END_SYNC_INTERVAL_MS } from "../../log/limits.ts";
import { Cluster, type ClusterOptions } from "../../log/cluster.ts";
import { brokerConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { CrashingStore } from "./crashing-store.ts";
import {
  appendAll,
  batchOf,
  engine,
  failureOf,
  openLeader,
  randomOf,
  recordsOf,
  splitBatches,
  tickClock,
} from "./harness.ts";

const LOG = "orders-0/00000000000000000000.log";
const SEEDS = 40;
const OPTIONS = { clock: tickClock };

const pass = (ms: number): Promise<void> => new Promise((resolve) => void tickClock.setTimer(ms, resolve));

/** A log of some batches that was left alone for `restMs`. */
async function restingLog(seed: number, restMs: number): Promise<CrashingStore> {
  const store = new CrashingStore(randomOf(seed));
  const log = await openLeader(store, OPTIONS);
  await appendAll(
    log,
    ["one", "two", "three"].map((value) => batchOf([value])),
  );
  await pass(restMs);
  store.crash();
  return store;
}

async function flip(store: CrashingStore, at: number): Promise<void> {
  const bytes = (await store.read(LOG)) ?? new Uint8Array(0);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  await store.write(LOG, bytes);
}

describe("a bit that flips in what was acknowledged", () => {
  it("is damage after a loss of power, once the log has rested for a moment", async () => {
    const restMs = SYNCED_END_NOTE_INTERVAL_MS + SYNCED_END_SYNC_INTERVAL_MS + 100;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const store = (await restingLog(seed, restMs)).afterPowerLoss();
      await flip(store, 30);
      expect((await failureOf(() => openLeader(store, OPTIONS, 1))).message).toContain("is damaged");
    }
  });

  it("stays damage when the power is lost after a start that has refused it", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      // Killed before the note is synced: the cache alone has it.
      const killed = (await restingLog(seed, SYNCED_END_NOTE_INTERVAL_MS * 4)).afterKill();
      await flip(killed, 30);
      expect((await failureOf(() => openLeader(killed, OPTIONS, 1))).message).toContain("is damaged");
      killed.crash();
      const again = killed.afterPowerLoss();
      expect((await failureOf(() => openLeader(again, OPTIONS, 1))).message).toContain("is damaged");
    }
  });
});

describe("a bit that flips where no checksum covers it, while the log is served", () => {
  it("is told by the next read, whichever of a batch's offsets and epoch it is in: readers were given other offsets", async () => {
    for (let at = 0; at < 8; at++) {
      for (const position of [at, EPOCH_AT + (at % 4)]) {
        for (let bit = 0; bit < 8; bit++) {
          const store = new MemoryStore();
          const log = await openLeader(store, OPTIONS);
          const batches = ["one", "two", "three", "four"].map((value) => batchOf([value, value]));
          await appendAll(log, batches);
          const file = await store.open(LOG);
          const second = batches[0]?.length ?? 0;
          const bytes = await file.read(0, file.size);
          bytes[second + position] = (bytes[second + position] ?? 0) ^ (1 << bit);
          await file.truncate(0);
          await file.append([bytes]);
          const values: string[] = [];
          const failure = await failureOf(async () => {
            for (let offset = 0n; offset < log.highWatermark;) {
              const { bytes: read, to } = await log.read(offset, 1024 * 1024);
              for (const record of recordsOf(splitBatches(read))) {
                expect(record.offset).toBe(BigInt(values.length));
                values.push(new TextDecoder().decode(record.value ?? undefined));
              }
              offset = to;
            }
          });
          expect(failure.code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
          expect(failure.message).toContain("cannot stand there");
          expect(values).toEqual(["one", "one", "two", "two"].slice(0, values.length));
        }
      }
    }
  });
});

describe("a bit that flips in the metadata log, and a clean stop", () => {
  it("is told by the next start, whichever it is: a topic was gone, and nobody had deleted it", async () => {
    const file = "__cluster_metadata-0/00000000000000000000.log";
    const options = (store: MemoryStore): ClusterOptions => ({
      store,
      engine,
      clock: tickClock,
      codec: metadataCodec,
      random: () => new Uint8Array(16).fill(7),
      config: brokerConfig(new Map()),
    });
    const sound = new MemoryStore();
    const cluster = await Cluster.open(options(sound));
    await cluster.createTopic("orders", { partitions: 2 });
    await cluster.close();
    const bytes = (await sound.read(file)) ?? new Uint8Array(0);
    let told = 0;
    for (let at = 0; at < bytes.length; at += 3) {
      const store = new MemoryStore();
      for (const name of await sound.list("")) {
        const copy = (await sound.read(name)) ?? new Uint8Array(0);
        if (name === file) copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
        await store.write(name, copy);
      }
      try {
        const again = await Cluster.open(options(store));
        expect(again.topic("orders")?.partitions).toHaveLength(2);
        await again.close();
      } catch (error) {
        expect(error).toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
        told++;
      }
    }
    expect(told).toBeGreaterThan(bytes.length / 5);
  });
});
