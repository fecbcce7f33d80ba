/** What a tab's parts see of who leads. */
import type { LiveConnection } from "../../sync/live-connection.ts";
import type { Metadata } from "../../sync/metadata.ts";
import type { TabLocks } from "./locks.ts";
import type { KeptReplica } from "./tab-link.ts";

/** What the tab that leads has for what it does: the connection itself, whether or not its own app is switched off. */
export interface LeadingGround {
  readonly upstream: LiveConnection;
  readonly metadata: Metadata;
}

export interface Leading {
  /**
   * Runs `work` each time that this tab leads, until the signal aborts; `stop` aborts with it, and when this tab leads no
   * more: what `work` began must have ended when it resolves. Never rejects while `work` does not.
   */
  whileLeading(
    signal: AbortSignal,
    work: (ground: LeadingGround, stop: AbortSignal) => Promise<void>,
  ): Promise<void>;
  /** In the tab that leads: of several replicas of one partition, one writes it. */
  readonly writers: TabLocks;
  /** Deletes what is held of a replica's partitions, as far as nobody keeps them in any tab. */
  deleteHeld(replica: KeptReplica): Promise<void>;
}
