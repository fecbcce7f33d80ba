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

class CountingStore extends ReadableMemoryStore {
  bytesRead = 0;

  override async readAt(name: string, position: number, length: number): Promise<Uint8Array> {
    const bytes = await super.readAt(name, position, length);
    this.bytesRead += bytes.byteLength;
    return bytes;
  }
}

async function all<T>(pieces: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const piece of pieces) found.push(...piece);
  return found;
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

test("whoever looks again at what another tab writes walks what is new, and all of it where the log was cut off or is another", async () => {
  const store = new CountingStore();
  const reader = new ReplicaReader({ store, engine, directory: "orders-0", log: () => undefined });
  const valueAt = async (offset: bigint): Promise<string> => {
    const record = await reader.recordAt(offset);
    return new TextDecoder().decode(record?.value ?? undefined);
  };
  const numbers = (from: number, count: number, what = ""): string[] =>
    Array.from({ length: count }, (_, at) => `${what}${from + at}`.padEnd(3000, "."));
  await append(store, 0n, numbers(0, 1000));
  expect(await valueAt(17n)).toMatch(/^17\./);
  for (const offset of [3n, 500n, 999n]) {
    store.bytesRead = 0;
    expect(await valueAt(offset)).toMatch(new RegExp(`^${offset}\\.`));
    // A window for the end, and one for the record; the file has 3 MB.
    expect(store.bytesRead).toBeLessThanOrEqual(2 * 256 * 1024);
  }
  await append(store, 1000n, numbers(1000, 2));
  store.bytesRead = 0;
  expect(await valueAt(1001n)).toMatch(/^1001\./);
  expect(store.bytesRead).toBeLessThanOrEqual(2 * 256 * 1024);
  expect((await all(reader.readBackward(1002n))).length).toBe(1002);
  // Cut off, and written anew to the same length and beyond.
  const size = batchOf(numbers(0, 1)).length;
  await (await store.open(LOG)).truncate(500 * size);
  await append(store, 500n, numbers(500, 600, "anew "));
  expect(await valueAt(499n)).toMatch(/^499\./);
  expect(await valueAt(1050n)).toMatch(/^anew 1050\./);
  expect(await reader.held()).toEqual({ from: 0n, to: 1100n });
  expect(await reader.offsetAt(0n)).toBe(0n);
});
