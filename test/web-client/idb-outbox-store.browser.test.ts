import { deleteDatabase } from "../../web-client/databases.ts";
import { HealingAccount } from "../../web-client/healing-account.ts";
import { IdbOutboxStore } from "../../web-client/idb-outbox-store.ts";
import { outboxStoreContract } from "../sync/outbox-store-contract.ts";

let made = 0;

outboxStoreContract("IdbOutboxStore", () => {
  const name = `outbox-store-test-${++made}`;
  const opened: HealingAccount[] = [];
  const open = (): IdbOutboxStore => {
    const onLost = (): void => undefined;
    const account = new HealingAccount({ databases: indexedDB, name, now: () => Date.now(), onLost });
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
