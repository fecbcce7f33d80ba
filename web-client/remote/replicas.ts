/** What keeping replicas takes, and what shows them to the page. */
export {
  deleteUnkept,
  directoryStore,
  removeFormer,
  ReplicaClient,
  ReplicaKeeper,
} from "../core/replicas.ts";
export { RAW, replicaService } from "./replica-service.ts";
