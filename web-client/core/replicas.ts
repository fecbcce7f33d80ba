/** What keeping replicas takes. */
export { removeFormer } from "./former-topics.ts";
export { deleteUnkept, ReplicaClient, ReplicaKeeper } from "./replica-client.ts";
export { directoryStore } from "./directory-store.ts";
