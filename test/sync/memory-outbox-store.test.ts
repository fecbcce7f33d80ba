import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { outboxStoreContract } from "./outbox-store-contract.ts";

outboxStoreContract("MemoryOutboxStore", () => Promise.resolve({ store: new MemoryOutboxStore() }));
