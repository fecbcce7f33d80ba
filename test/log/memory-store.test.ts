import { MemoryStore } from "../../log/memory-store.ts";
import { storeContract } from "./store-contract.ts";

storeContract("MemoryStore", () => Promise.resolve({ store: new MemoryStore() }));
