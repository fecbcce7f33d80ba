import { expect, test } from "vitest";
import { BatchHeader } from "../../log/batch.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { ReadableStore } from "../../web-client/core/directory-store.ts";
import { ReplicaReader } from "../../web-client/core/replica-reader.ts";
import { batchOf, engine } from "../log/harness.ts";

const LOG = "orders-0/00000000000000000000.log";

class ReadableMemoryStore extends MemoryStore implements ReadableStore {
  onLost(): () => void {
    return () => undefined;
  }

  async size(name: string): Promise<number> {
    return (await this.open(name)).size;
  }

  async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    return (await this.open(name)).read(position, length);
  }
}

/** One record a batch, from `offset` on. */
async function append(store: ReadableMemoryStore, offset: bigint, values: readonly string[]): Promise<void> {
  const file = await store.open(LOG);
  for (const [at, value] of values.entries()) {
    const batch = batchOf([value]);
    new BatchHeader(batch).stamp(offset + BigInt(at), 0);
    await file.append([batch]);
  }
}

test("a tab that reads along finds what stands behind a cut at once: it waited for ever where nothing more was written", async () => {
  const store = new ReadableMemoryStore();
  const reader = new ReplicaReader({ store, engine, directory: "orders-0", log: () => undefined });
  let told = 3n;
  const read = async (offset: bigint): Promise<string[]> => {
    const values: string[] = [];
    const reading = { told: () => told, onMissing: () => {} };
    for await (const records of reader.read(offset, reading))
      for (const { value } of records) values.push(new TextDecoder().decode(value ?? undefined));
    return values;
  };
  await append(store, 0n, ["one", "two", "three"]);
  expect(await read(0n)).toEqual(["one", "two", "three"]);
  // Cut back to one record, and written anew by another tab, with batches of other lengths.
  const file = await store.open(LOG);
  await file.truncate(batchOf(["one"]).length);
  await append(store, 1n, ["another second", "another third", "fourth"]);
  told = 4n;
  expect(await read(3n)).toEqual(["fourth"]);
  // Nothing is lost by asking where there is nothing yet.
  expect(await read(4n)).toEqual([]);
  await append(store, 4n, ["fifth"]);
  told = 5n;
  expect(await read(4n)).toEqual(["fifth"]);
});
