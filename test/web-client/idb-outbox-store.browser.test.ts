import { expect, it } from "vitest";
import { deleteDatabase } from "../../web-client/databases.ts";
import { HealingAccount } from "../../web-client/healing-account.ts";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { outboxRecord, outboxStoreContract } from "../sync/outbox-store-contract.ts";

let made = 0;

function openAccount(name: string): HealingAccount {
  return new HealingAccount({
    databases: indexedDB,
    name,
    now: () => Date.now(),
    onLost: () => undefined,
  });
}

it("a record does not take along what its value is a part of, neither queued nor frozen", async () => {
  const name = `outbox-store-test-${++made}`;
  const account = openAccount(name);
  const store = new IdbOutboxStore(account);
  const value = new Uint8Array(1_000_000).subarray(10, 13);
  const bytes = async (): Promise<number | undefined> =>
    store.transact("readonly", async (rows) => (await rows.record(id))?.value?.buffer.byteLength);
  const id = await store.transact("readwrite", (rows) =>
    rows.addRecord({ ...outboxRecord("orders", ""), value }),
  );
  expect(await bytes()).toBe(3);
  await store.transact("readwrite", async (rows) => void (await rows.freezeRecords([id])));
  expect(await bytes()).toBe(3);
  await account.close();
  await deleteDatabase(name);
});

outboxStoreContract("IdbOutboxStore", () => {
  const name = `outbox-store-test-${++made}`;
  const opened: HealingAccount[] = [];
  const open = (): IdbOutboxStore => {
    const account = openAccount(name);
    opened.push(account);
    return new IdbOutboxStore(account);
  };
  return Promise.resolve({
    store: open(),
    another: () => Promise.resolve(open()),
    dispose: async () => {
      for (const account of opened) await account.close();
      await deleteDatabase(name);
    },
  });
});
