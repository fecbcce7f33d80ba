import { expect, test } from "vitest";
import { deleteDatabase } from "../../web-client/databases.ts";
import { openReplicas } from "../../web-client/replica-database.ts";
import { IdbStore } from "../../web-client/idb-store.ts";
import { storeContract } from "../log/store-contract.ts";

let made = 0;
const leads = (): number => 1;

async function open(name: string): Promise<IdbStore> {
  return new IdbStore(await openReplicas(indexedDB, name, () => undefined), "relaxed", leads);
}

storeContract("IdbStore", async () => {
  const name = `store-test-${++made}`;
  return { store: await open(name), reopen: () => open(name), dispose: () => deleteDatabase(name) };
});

test("small appends do not stay a row each, large ones are cut into rows of at most 1 MiB", async () => {
  const name = `store-test-${++made}`;
  const database = await openReplicas(indexedDB, name, () => undefined);
  const store = new IdbStore(database, "relaxed", leads);
  const file = await store.open("a-0/00.log");
  const expected: number[] = [];
  for (let at = 0; at < 1000; at++) {
    await file.append([new Uint8Array(100).fill(at & 255)]);
    expected.push(at & 255);
  }
  const rows = await database.getAllKeys("chunks");
  expect(rows.length).toBeLessThan(20);
  const whole = await file.read(0, file.size);
  expect(expected.every((value, at) => whole[at * 100] === value && whole[at * 100 + 99] === value)).toBe(
    true,
  );
  await file.append([new Uint8Array(3_500_000)]);
  for (const bytes of await database.getAll("chunks"))
    expect(bytes.byteLength).toBeLessThanOrEqual(1024 * 1024);
  await store.close();
  // Another visit goes on merging where this one stopped.
  const again = await openReplicas(indexedDB, name, () => undefined);
  const file2 = await new IdbStore(again, "relaxed", leads).open("a-0/00.log");
  for (let at = 0; at < 100; at++) await file2.append([new Uint8Array(10)]);
  expect((await again.getAllKeys("chunks")).length).toBeLessThan(30);
  expect(file2.size).toBe(100_000 + 3_500_000 + 1000);
  again.close();
  await deleteDatabase(name);
});

test("a reader in another tab is not misled by rows that are merged meanwhile", async () => {
  const name = `store-test-${++made}`;
  const [writer, reader] = [await open(name), await open(name)];
  const file = await writer.open("a-0/00.log");
  for (let at = 0; at < 10; at++) await file.append([new Uint8Array(1000).fill(at)]);
  const theirs = await reader.open("a-0/00.log");
  for (let at = 10; at < 60; at++) await file.append([new Uint8Array(1000).fill(at)]);
  const found = await theirs.read(3500, 2000);
  expect([found[0], found[499], found[500], found[1999]]).toEqual([3, 3, 4, 5]);
  await writer.close();
  await reader.close();
  await deleteDatabase(name);
});

test("what was read of a file before it was cut, exchanged or written anew is not given for what is there now", async () => {
  const name = `store-test-${++made}`;
  const store = await open(name);
  const file = await store.open("a-0/00.log");
  const first = async (): Promise<(number | undefined)[]> => {
    const bytes = await file.read(0, file.size);
    return [bytes.byteLength, bytes[0], bytes.at(-1)];
  };
  await file.append([new Uint8Array(3000).fill(1)]);
  expect(await first()).toEqual([3000, 1, 1]);
  // While a read is under way: it may see the one or the other, and what comes after it sees what is there.
  const under = first();
  await file.truncate(1000);
  await under;
  await file.append([new Uint8Array(500).fill(2)]);
  expect(await first()).toEqual([1500, 1, 2]);
  const other = await store.open("a-0/00.swap");
  await other.append([new Uint8Array(1500).fill(3)]);
  await store.rename(other.name, file.name);
  expect(await first()).toEqual([1500, 3, 3]);
  await store.write(file.name, new Uint8Array(1500).fill(4));
  expect(await first()).toEqual([1500, 4, 4]);
  await store.close();
  await deleteDatabase(name);
});

test("a tab that leads again reads what another has written meanwhile, not what it read before", async () => {
  const name = `store-test-${++made}`;
  const terms = { ours: 1, theirs: 2 };
  const database = await openReplicas(indexedDB, name, () => undefined);
  const ours = new IdbStore(database, "relaxed", () => terms.ours);
  const theirs = new IdbStore(
    await openReplicas(indexedDB, name, () => undefined),
    "relaxed",
    () => terms.theirs,
  );
  await ours.lead();
  const before = await ours.open("a-0/00.log");
  await before.append([new Uint8Array(1000).fill(1)]);
  expect((await before.read(0, 1000))[500]).toBe(1);
  await theirs.lead();
  const file = await theirs.open("a-0/00.log");
  await file.truncate(500);
  await file.append([new Uint8Array(500).fill(2)]);
  terms.ours = 3;
  await ours.lead();
  const after = await ours.open("a-0/00.log");
  const read = await after.read(400, 200);
  expect([read.length, read[0], read[99], read[100], read[199]]).toEqual([200, 1, 1, 2, 2]);
  await ours.close();
  await theirs.close();
  await deleteDatabase(name);
});
