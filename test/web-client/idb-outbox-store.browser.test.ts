import { deleteDatabase, openAccount } from "../../web-client/databases.ts";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { outboxStoreContract } from "../sync/outbox-store-contract.ts";

let made = 0;

outboxStoreContract("IdbOutboxStore", async () => {
  const name = `outbox-store-test-${++made}`;
  const opened = [await openAccount(indexedDB, name, () => undefined)];
  const open = (): Promise<IdbOutboxStore> =>
    openAccount(indexedDB, name, () => undefined).then((database) => {
      opened.push(database);
      return new IdbOutboxStore(database);
    });
  return {
    store: new IdbOutboxStore(opened[0] ?? (await openAccount(indexedDB, name, () => undefined))),
    another: open,
    dispose: async () => {
      for (const database of opened) database.close();
      await deleteDatabase(name);
    },
  };
});
