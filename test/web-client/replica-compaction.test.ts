/** One tab compacts while another reads along: whatever it finds of the files, it is told nothing wrong. */
import { expect, test } from "vitest";
import { MemoryStore } from "../../log/memory-store.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { directoryStore, type ReadableStore } from "../../web-client/core/directory-store.ts";
import { ReplicaReader } from "../../web-client/core/replica-reader.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { BatchHeader } from "../../log/batch.ts";
import { batchOf, config, engine, optionsFor } from "../log/harness.ts";

/** Calls `between` before each change of its files. */
class WatchedStore extends MemoryStore implements ReadableStore {
  between: () => Promise<void> = () => Promise.resolve();

  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    const there = await this.list(name);
    return there.includes(name) ? (await this.open(name)).read(position, length) : new Uint8Array();
  }

  async size(name: string): Promise<number> {
    return (await this.list(name)).includes(name) ? (await this.open(name)).size : 0;
  }

  onLost(): () => void {
    return () => undefined;
  }

  override async delete(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.between();
      await super.delete([name]);
    }
  }

  override async rename(from: string, to: string): Promise<void> {
    await this.between();
    await super.rename(from, to);
  }
}

test("at each step of a compaction a tab that reads along finds the last record of each key, or that it is to look again", async () => {
  const store = new WatchedStore();
  const settings = {
    "cleanup.policy": "compact",
    "segment.bytes": 600,
    "min.cleanable.dirty.ratio": 0,
    "segment.index.bytes": 400,
  };
  // Some keys are written again and again, some once.
  const keyOf = (at: number): string => (at % 5 === 0 ? `once ${at}` : `key ${at % 7}`);
  const log = await PartitionLog.open(optionsFor(store, { config: config(settings) }));
  let end = 0;
  const expected: Record<string, string> = {};
  const append = async (count: number): Promise<void> => {
    for (const last = end + count; end < last; end++) {
      const batch = batchOf([{ key: keyOf(end), value: `value ${end}` }]);
      new BatchHeader(batch).stamp(BigInt(end), 0);
      await log.appendReplica(batch, { from: BigInt(end), to: BigInt(end + 1) });
      expected[keyOf(end)] = `value ${end}`;
    }
  };
  const reader = new ReplicaReader({ store, engine, directory: "orders-0", log: () => undefined });
  const text = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? undefined);
  const gaps: bigint[] = [];
  const reading = { told: () => BigInt(end), onMissing: (from: bigint) => void gaps.push(from) };
  const outcomes = { read: 0, again: 0 };
  const look = async (direction: "forward" | "backward"): Promise<void> => {
    const found: Record<string, string> = {};
    try {
      const batches = direction === "forward" ? reader.read(0n, reading) : reader.readBackward(BigInt(end));
      for await (const records of batches)
        for (const { key, value } of records)
          if (direction === "forward" || found[text(key)] === undefined) found[text(key)] = text(value);
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== ErrorCode.KAFKA_STORAGE_ERROR) throw error;
      outcomes.again += 1;
      return;
    }
    outcomes.read += 1;
    expect(found).toEqual(expected);
  };
  const slowly: bigint[] = [];
  // The second time small segments are joined, and what they were is deleted before what they are has its name.
  for (const count of [60, 30, 30]) {
    await append(count);
    // One that stands within a file that is exchanged under it.
    const slow = reader.read(0n, reading);
    slowly.push(-1n);
    store.between = async () => {
      await look("forward");
      await look("backward");
      const step = await slow.next().catch(() => undefined);
      if (step?.done === false) slowly.push(...step.value.map(({ offset }) => offset));
    };
    await log.compact({ mapBytesMax: 1e6, pace: () => Promise.resolve(true) });
    store.between = () => Promise.resolve();
    await look("forward");
    await look("backward");
  }
  expect(outcomes.read).toBeGreaterThan(4);
  expect(outcomes.again).toBeGreaterThan(0);
  expect(gaps).toEqual([]);
  const rises = slowly.every((offset, at) => offset === -1n || offset > (slowly[at - 1] ?? -1n));
  expect(rises).toBe(true);
  await log.close();
});

test("a replica in a part of the device's store is compacted: its files have longer names than they are asked for by", async () => {
  const store = directoryStore(new WatchedStore(), "a-topic-id/");
  const settings = {
    "cleanup.policy": "compact",
    "segment.bytes": 600,
    "min.cleanable.dirty.ratio": 0,
    "segment.index.bytes": 400,
  };
  const log = await PartitionLog.open(optionsFor(store, { config: config(settings) }));
  for (let at = 0; at < 60; at++) {
    const batch = batchOf([{ key: `key ${at % 3}`, value: `value ${at}` }]);
    new BatchHeader(batch).stamp(BigInt(at), 0);
    await log.appendReplica(batch, { from: BigInt(at), to: BigInt(at + 1) });
  }
  const before = log.sizeBytes;
  await log.compact({ mapBytesMax: 1024 * 1024, pace: () => Promise.resolve(true) });
  expect(log.fenced).toBeUndefined();
  expect(log.sizeBytes).toBeLessThan(before / 2);
  await log.close();
});
