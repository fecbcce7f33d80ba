/**
 * Code of a client that not every page needs. A browser's worker fetches each part when it is first asked for; elsewhere all of
 * it is at hand (`at-hand.ts`).
 */
import type * as bulkHistory from "../../sync/bulk-history.ts";
import type * as delivery from "../../sync/delivery.ts";
import type * as adminClient from "./admin/admin-client.ts";
import type * as groupClient from "./group/group-client.ts";
import type * as memoryDevice from "./memory-device.ts";
import type * as pending from "./pending.ts";
import type * as replicas from "./replicas.ts";

export type Loaded<Part> = Part | Promise<Part>;

/** Each rejects when its code cannot be had; asked again, it tries again. */
export interface OnDemand {
  readonly admin: () => Loaded<typeof adminClient>;
  readonly delivery: () => Loaded<typeof delivery>;
  readonly groups: () => Loaded<typeof groupClient>;
  readonly history: () => Loaded<typeof bulkHistory>;
  readonly memory: () => Loaded<typeof memoryDevice>;
  readonly pending: () => Loaded<typeof pending>;
  readonly replicas: () => Loaded<typeof replicas>;
}
