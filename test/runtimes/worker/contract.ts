/** The contract of stores, run inside a Durable Object on its storage. */
import { storeContract } from "../../log/store-contract.ts";
import { type DurableStorage, DurableStore } from "./durable-store.ts";
import { type Ended, runDeclared } from "./vitest-here.ts";

let storage: DurableStorage | undefined;

storeContract("DurableStore", async () => {
  if (storage === undefined) throw new Error("the contract runs in a Durable Object");
  const here = storage;
  here.sql.exec("DROP TABLE IF EXISTS files");
  here.sql.exec("DROP TABLE IF EXISTS chunks");
  return { store: new DurableStore(here), reopen: async () => new DurableStore(here) };
});

export function runContract(here: DurableStorage): Promise<Ended[]> {
  storage = here;
  return runDeclared();
}
