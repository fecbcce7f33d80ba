import * as bulkHistory from "../../sync/bulk-history.ts";
import * as delivery from "../../sync/delivery.ts";
import * as adminClient from "./admin/admin-client.ts";
import * as groupClient from "./group/group-client.ts";
import * as memoryDevice from "./memory-device.ts";
import type { OnDemand } from "./on-demand.ts";
import * as pending from "./pending.ts";
import * as replicas from "./replicas.ts";

/** All of a client's code, where it is loaded as one. */
export const atHand: OnDemand = {
  admin: () => adminClient,
  delivery: () => delivery,
  groups: () => groupClient,
  history: () => bulkHistory,
  memory: () => memoryDevice,
  pending: () => pending,
  replicas: () => replicas,
};
