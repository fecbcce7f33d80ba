import { atHand } from "./core/at-hand.ts";
import type { OnDemand } from "./core/on-demand.ts";
import * as replicaDatabase from "./replica-database.ts";

/** What of a browser's client is loaded on demand. */
export interface ClientCode extends OnDemand {
  readonly replicaDatabase: () => typeof replicaDatabase | Promise<typeof replicaDatabase>;
}

/** All of it, where it is loaded as one. */
export const allCode: ClientCode = { ...atHand, replicaDatabase: () => replicaDatabase };
